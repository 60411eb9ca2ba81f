//! Lazuli: nn.
