//! Lazuli: lm.
