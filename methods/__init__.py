"""One file per stabilisation method; see docs/adding-a-method.md."""
