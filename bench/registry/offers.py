"""Parts of installed packages: entry points of the groups ``gan_stability_bench.<kind>s``."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

from bench.errors import BenchError


@dataclass(frozen=True)
class Offer:
    """One entry point: the name a part is to have, and where its class lies."""

    name: str
    package: str
    """The installed package, with its version."""
    entry: EntryPoint

    @property
    def file(self) -> Path:
        """The module's file, as far as it can be found without importing it."""
        try:
            spec = find_spec(self.entry.module)
        except Exception:  # a parent package that cannot be imported
            spec = None
        return Path(spec.origin) if spec and spec.origin else Path(self.entry.module)

    def load(self, only_part: Callable[[ModuleType, str], Any]) -> Any:
        """Return the class, found by ``only_part`` in the module that the entry point names.

        Raises:
            BenchError: the entry point cannot be used; the message says why.
        """
        if not re.fullmatch(r"\w[\w-]*", self.name):
            raise BenchError("an entry point's name is a part's: letters, digits, underscores")
        module = importlib.import_module(self.entry.module)
        if self.entry.attr:
            kind = getattr(module, self.entry.attr, None)
            if not inspect.isclass(kind):
                raise BenchError(f"{self.entry.module} has no class '{self.entry.attr}'")
            # the module that a package collects its classes in need not be the one that made them
            module = importlib.import_module(kind.__module__)
            if module.__name__.split(".")[0] in ("bench", "methods"):
                raise BenchError(
                    f"{self.entry.value} is a class of the benchmark itself; derive one of your own"
                )
            kind = only_part(module, kind.__name__)
        else:
            kind = only_part(module, "")
        source = inspect.getsourcefile(kind)
        if source is None or not Path(source).is_file():
            # without it a changed method would be answered by old results
            raise BenchError(f"the source file of {kind.__name__} cannot be read")
        if "name" in vars(kind) and vars(kind)["name"] not in ("", self.name):
            raise BenchError(
                f"class {kind.__name__} is called '{vars(kind)['name']}' already; leave `name` "
                "out and give every entry point a class of its own"
            )
        return kind


def offers(group: str) -> list[Offer]:
    """Return the entry points of a group in a fixed order, without importing them."""
    found = {
        (entry.name, entry.value): Offer(entry.name, _package(entry), entry)
        for entry in entry_points(group=group)
    }
    return sorted(found.values(), key=lambda offer: (offer.name, offer.package, offer.entry.value))


def _package(entry: EntryPoint) -> str:
    return f"{entry.dist.name} {entry.dist.version}" if entry.dist else entry.module.split(".")[0]
