"""Finds methods and architectures, and says what is wrong with the files that fail."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import os
import sys
import traceback
from dataclasses import dataclass, field
from functools import lru_cache, partial
from pathlib import Path
from types import ModuleType
from typing import Any

from bench.architectures.base import Architecture
from bench.combination import SIGN
from bench.errors import BenchError
from bench.method import Method
from bench.plugins import offers

SIGNS = {SIGN, ",", "."}
"""What stands between names where they are typed, and so in no name."""


@dataclass(frozen=True)
class Broken:
    """A file or entry point that gives no usable method or architecture, and why."""

    file: Path | None
    reason: str
    package: str = ""
    """The installed package, of an entry point."""

    @property
    def where(self) -> str:
        """What a user looks for to mend it."""
        return f"package {self.package}" if self.file is None else self.file.name


@dataclass(frozen=True)
class Found:
    """All that ``methods/``, a folder of the user's own and installed packages hold."""

    methods: dict[str, type[Method]]
    broken: dict[str, Broken]
    packages: dict[str, str] = field(default_factory=dict)
    """The package of every method that came through an entry point."""

    @property
    def unasked(self) -> list[str]:
        """Names of those that run where a study says ``methods: all``.

        Methods of installed packages do not: what a study means is not to depend on what happens
        to be installed.
        """
        return [
            name
            for name, kind in self.methods.items()
            if name not in self.packages and not vars(kind).get("on_request")
        ]


@dataclass(frozen=True)
class FoundArchitectures:
    """All that ``bench/architectures/`` holds."""

    architectures: dict[str, type[Architecture]]
    broken: dict[str, Broken]


@dataclass(frozen=True)
class _Shelf:
    """Where one sort of part is kept, a file each: a package, then a folder of the user's own."""

    what: str
    base: type
    package: str
    variable: str
    """The environment variable that names the user's folder."""
    shared: frozenset[str] = frozenset()
    """Files of the package that hold no part."""

    def folders(self) -> list[Path]:
        extra = os.environ.get(self.variable)
        if extra and not Path(extra).is_dir():
            raise BenchError(f"{self.variable} is '{extra}', which is no folder")
        shipped = importlib.import_module(self.package).__path__
        return [Path(next(iter(shipped))), *([Path(extra)] if extra else [])]

    def files(self) -> list[Path]:
        shipped, *own = (sorted(folder.glob("*.py")) for folder in self.folders())
        files = [file for file in shipped if file.stem not in self.shared]
        files += [file for folder in own for file in folder]
        # a folder of one's own may hold the tests beside the methods
        return [f for f in files if not f.stem.startswith(("_", "test_")) and f.stem != "conftest"]


_METHODS = _Shelf("method", Method, "methods", "BENCH_METHODS_DIR")
_ARCHITECTURES = _Shelf(
    "architecture",
    Architecture,
    "bench.architectures",
    "BENCH_ARCHITECTURES_DIR",
    frozenset({"base", "layers"}),
)


@lru_cache(maxsize=1)
def find_methods() -> Found:
    """Import every file of ``methods/`` and what installed packages offer.

    One that fails becomes a row and stops no other.
    """
    found, broken = _find(_METHODS)
    packages: dict[str, str] = {}
    for offer in offers():
        try:
            kind = offer.load(partial(_only_part, _METHODS))
            if offer.name in found:
                owner = packages.get(offer.name) or Path(inspect.getfile(found[offer.name])).name
                raise BenchError(
                    f"its name '{offer.name}' is taken by {owner}; give the entry point another"
                )
        except (Exception, SystemExit) as error:  # as with files
            row = f"{offer.name} ({offer.package})" if offer.name in broken else offer.name
            broken[row] = Broken(None, _told(error, offer.file), offer.package)
            continue
        kind.name = offer.name
        found[offer.name], packages[offer.name] = kind, offer.package
    return Found(dict(sorted(found.items())), broken, packages)


@lru_cache(maxsize=1)
def find_architectures() -> FoundArchitectures:
    """The same for ``bench/architectures/``."""
    return FoundArchitectures(*_find(_ARCHITECTURES))


def _find(shelf: _Shelf) -> tuple[dict[str, Any], dict[str, Broken]]:
    found: dict[str, Any] = {}
    broken: dict[str, Broken] = {}
    claims: dict[str, list[tuple[Path, Any]]] = {}
    modules = set(shelf.shared)
    for file in shelf.files():
        try:
            # as a module it would replace the shipped one, for its importers and its source's hash
            if file.stem in modules:
                raise BenchError(f"there is a shipped {file.name}; give the file another name")
            modules.add(file.stem)
            kind = _only_part(shelf, _import(shelf, file))
            name = vars(kind).get("name") or file.stem
            if signs := set(name) & SIGNS:
                raise BenchError(f"a name must not hold '{min(signs)}', as '{name}' does")
        except (Exception, SystemExit) as error:  # a user's file may do anything to itself
            broken[file.stem] = Broken(file, _told(error, file))
            continue
        claims.setdefault(name, []).append((file, kind))
    for name, claimants in claims.items():
        # the file that bears the name keeps it; the others say who has it
        claimants.sort(key=lambda claim: (claim[0].stem != name, claim[0].stem))
        keeper, kind = claimants[0]
        kind.name = name
        found[name] = kind
        for file, _ in claimants[1:]:
            broken[file.stem] = Broken(
                file, f"its name '{name}' is taken by {keeper.name}; give the class another `name`"
            )
    return dict(sorted(found.items())), broken


def _import(shelf: _Shelf, file: Path) -> ModuleType:
    name = f"{shelf.package}.{file.stem}"
    known = sys.modules.get(name)
    if known is not None and known.__file__ == str(file):
        return known
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise BenchError("it cannot be imported as a module; its name must be an identifier")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _only_part(shelf: _Shelf, module: ModuleType, named: str = "") -> Any:
    """The module's only class of this sort, or the one that is named."""
    own = [
        kind
        for kind in vars(module).values()
        if inspect.isclass(kind)
        and issubclass(kind, shelf.base)
        and kind.__module__ == module.__name__
        and not kind.__name__.startswith("_")
        and named in ("", kind.__name__)
    ]
    if not own:
        base = f"{shelf.base.__module__}.{shelf.base.__name__}"
        raise BenchError(f"it defines no {shelf.what}: a frozen dataclass derived from {base}")
    if len(own) > 1:
        names = ", ".join(kind.__name__ for kind in own)
        raise BenchError(
            f"it defines several {shelf.what}s ({names}); put each into a file of its own"
        )
    kind = own[0]
    # without the decorator a subclass would silently keep its parent's fields
    if "__dataclass_params__" not in vars(kind) or not vars(kind)["__dataclass_params__"].frozen:
        raise BenchError(f"class {kind.__name__} lacks the decorator @dataclass(frozen=True)")
    kind()
    return kind


def _told(error: BaseException, file: Path) -> str:
    if isinstance(error, BenchError):
        return str(error)
    if isinstance(error, SyntaxError):
        return f"SyntaxError: {error.msg} (line {error.lineno})"
    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == str(file)]
    where = f" (line {lines[-1]})" if lines else ""
    first_line = (str(error).splitlines() or [""])[0]
    return f"{type(error).__name__}: {first_line}{where}"
