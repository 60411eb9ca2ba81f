//! Lazuli: cpu.
