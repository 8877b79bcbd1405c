"""Known results, reproduced: what docs/validation.md is made by."""
