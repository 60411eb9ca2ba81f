//! Lazuli: io.
