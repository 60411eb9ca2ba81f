"""Lazuli: lazy arrays, function transforms and language models."""
