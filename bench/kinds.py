"""The kinds of part that a user may bring, and the names under which each is looked for.

Apart from the shelves themselves (``bench/registry/``), so that a command line need not import
torch to know its options.
"""

from __future__ import annotations

KINDS = ("method", "dataset", "architecture", "metric", "extractor")


def variable(kind: str) -> str:
    """Return the environment variable that names the user's folder."""
    return f"BENCH_{kind.upper()}S_DIR"


def option(kind: str) -> str:
    """Return the option that says the same for one command."""
    return f"--{kind}s-dir"


def group(kind: str) -> str:
    """Return the group of entry points through which installed packages offer parts."""
    return f"gan_stability_bench.{kind}s"
