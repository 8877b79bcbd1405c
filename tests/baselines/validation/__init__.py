"""Known results, run again: what docs/validation.md is made by."""
