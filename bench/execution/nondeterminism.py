"""Collects PyTorch's warnings of operations that may give other numbers at each run."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_TEXT = re.compile(r"does not have a deterministic implementation|is not deterministic|"
                   r"nondeterministic|non-deterministic", re.IGNORECASE)  # fmt: skip
_WHERE = re.compile(r"\s*\((?:Triggered internally|function) .*", re.DOTALL)


@contextmanager
def collected() -> Iterator[list[str]]:
    """Collect the warnings of non-deterministic operations while it lasts, each text once.

    ``torch.use_deterministic_algorithms(True, warn_only=True)`` causes them. All other warnings
    go where they went before. The list fills as training goes on::

        with collected() as operations:
            train(...)
        run["nondeterministic"] = operations
    """
    found: list[str] = []
    with warnings.catch_warnings():
        # PyTorch's own code would show most of them once in the life of the process
        warnings.filterwarnings("always", message=f"(?s).*(?:{_TEXT.pattern})")
        before = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], *rest: Any, **named: Any) -> None:
            text = str(message)
            if not _TEXT.search(text):
                before(message, category, *rest, **named)
                return
            told = _WHERE.sub("", text.split("You can file an issue", 1)[0]).strip()
            if told not in found:
                found.append(told)

        warnings.showwarning = show
        yield found
