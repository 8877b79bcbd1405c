"""Finds the parts of one kind, and says what is wrong with the files that fail."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import json
import os
import sys
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from bench.combination import SIGN
from bench.errors import BenchError
from bench.kinds import group, variable
from bench.registry.misspelt import misspelt
from bench.registry.offers import offers
from bench.registry.seeded import seeded

SIGNS = {SIGN, ",", ".", ":"}
"""Separator of names on the command line, which no name may contain."""
REFUSED = "BENCH_REFUSED_FILES"
"""Environment variable: files that are not to be imported and why, as JSON. Workers inherit it."""


@dataclass(frozen=True)
class Broken:
    """A file or entry point that gives no usable part, and why."""

    file: Path | None
    reason: str
    package: str = ""
    """The installed package, of an entry point."""

    @property
    def where(self) -> str:
        """File or package that the user must fix."""
        return f"package {self.package}" if self.file is None else self.file.name


@dataclass(frozen=True)
class Found:
    """All parts of a kind: shipped ones, those of the user's folder and of installed packages."""

    parts: dict[str, type[Any]] = field(default_factory=dict)
    broken: dict[str, Broken] = field(default_factory=dict)
    packages: dict[str, str] = field(default_factory=dict)
    """The package of every part that came through an entry point."""

    @property
    def unasked(self) -> list[str]:
        """Names of those that run where a study says ``methods: all``.

        Those of installed packages do not: what a study means is not to depend on what happens
        to be installed.
        """
        return [
            name
            for name, part in self.parts.items()
            if name not in self.packages and not vars(part).get("on_request")
        ]


@dataclass(frozen=True)
class Shelf:
    """Where the parts of a kind are kept, a file each: a package, then the user's folder.

    Installed packages offer more of them through entry points.
    """

    kind: str
    base: type
    package: str
    shared: frozenset[str] = frozenset()
    """Files of the package that hold no part."""

    @property
    def home(self) -> Path:
        """The folder of the package."""
        return Path(next(iter(importlib.import_module(self.package).__path__)))

    def folders(self) -> list[Path]:
        extra = os.environ.get(variable(self.kind))
        if extra and not Path(extra).is_dir():
            raise BenchError(f"{variable(self.kind)} is '{extra}', which is not a folder")
        return [self.home, *([Path(extra)] if extra else [])]

    def files(self, own: bool = False) -> list[Path]:
        """Return every file that should define a part, or only those of the user's folder.

        Those of a shipped shared module are passed over.
        """
        shipped, *folders = (sorted(folder.glob("*.py")) for folder in self.folders())
        files = [] if own else [file for file in shipped if file.stem not in self.shared]
        files += [file for folder in folders for file in folder]
        # a folder of one's own may hold tests beside the parts
        return [f for f in files if not f.stem.startswith(("_", "test_")) and f.stem != "conftest"]

    def holds(self, module: str) -> bool:
        """Return whether a module is a part or a helper of one, which is then reloaded."""
        own = module.removeprefix(f"{self.package}.")
        return own != module and own not in self.shared

    def find(self) -> Found:
        """Import every file, and what installed packages offer.

        One that fails becomes a row and stops no other.
        """
        self._widen()
        found = Found()
        self._look_through_files(found)
        self._look_through_packages(found)
        return Found(dict(sorted(found.parts.items())), found.broken, found.packages)

    def load(self, file: Path) -> Any:
        """Import a file, and return the part that it gives."""
        self._widen()
        return self.only_part(self._import(file))

    def _widen(self) -> None:
        """Import helpers beside a user's part in the same way as those of the package."""
        importlib.import_module(self.package).__path__ = [str(f) for f in self.folders()]

    def _look_through_files(self, found: Found) -> None:
        claims: dict[str, list[tuple[Path, Any]]] = {}
        modules = set(self.shared)
        refused = json.loads(os.environ.get(REFUSED, "{}"))
        for file in self.files():
            try:
                if why := refused.get(str(file)):
                    raise BenchError(why)
                # as a module it would replace the shipped one, for its importers and its source
                if file.stem in modules:
                    raise BenchError(f"there is a shipped {file.name}; give the file another name")
                modules.add(file.stem)
                part = self.only_part(self._import(file))
                name = vars(part).get("name") or file.stem
                if signs := set(name) & SIGNS:
                    raise BenchError(f"a name must not hold '{min(signs)}', as '{name}' does")
            except (Exception, SystemExit, KeyboardInterrupt) as error:  # a file may do anything
                found.broken[file.stem] = Broken(file, _told(error, file))
                continue
            claims.setdefault(name, []).append((file, part))
        for name, claimants in claims.items():
            # the file with that name keeps it; the errors of the others name it
            claimants.sort(key=lambda claim: (claim[0].stem != name, claim[0].stem))
            keeper, part = claimants[0]
            part.name = name
            found.parts[name] = part
            for file, _ in claimants[1:]:
                found.broken[file.stem] = Broken(
                    file,
                    f"its name '{name}' is taken by {keeper.name}; give the class another `name`",
                )

    def _look_through_packages(self, found: Found) -> None:
        for offer in offers(group(self.kind)):
            name = offer.name
            try:
                with seeded():
                    part = offer.load(self.only_part)
                if name in found.parts:
                    owner = found.packages.get(name)
                    owner = owner or Path(inspect.getfile(found.parts[name])).name
                    raise BenchError(
                        f"its name '{name}' is taken by {owner}; give the entry point another"
                    )
            except (Exception, SystemExit, KeyboardInterrupt) as error:  # as with files
                row = f"{name} ({offer.package})" if name in found.broken else name
                found.broken[row] = Broken(None, _told(error, offer.file), offer.package)
                continue
            part.name = name
            found.parts[name], found.packages[name] = part, offer.package

    def _import(self, file: Path) -> ModuleType:
        name = f"{self.package}.{file.stem}"
        known = sys.modules.get(name)
        if known is not None and known.__file__ == str(file):
            return known
        spec = importlib.util.spec_from_file_location(name, file)
        if spec is None or spec.loader is None:
            raise BenchError("it cannot be imported as a module; its name must be an identifier")
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        try:
            with seeded():
                spec.loader.exec_module(module)
        except BaseException:
            del sys.modules[name]
            raise
        return module

    def only_part(self, module: ModuleType, named: str = "") -> Any:
        """Return the module's only class of this kind, or the one that is named."""
        own = [
            part
            for part in vars(module).values()
            if inspect.isclass(part)
            and issubclass(part, self.base)
            and part.__module__ == module.__name__
            and not part.__name__.startswith("_")
            and named in ("", part.__name__)
        ]
        if not own:
            base = f"{self.base.__module__}.{self.base.__name__}"
            raise BenchError(f"it defines no {self.kind}: a frozen dataclass derived from {base}")
        if len(own) > 1:
            names = ", ".join(part.__name__ for part in own)
            raise BenchError(
                f"it defines several {self.kind}s ({names}); put each into a file of its own"
            )
        part = own[0]
        # without the decorator a subclass would silently keep its parent's fields
        params = vars(part).get("__dataclass_params__")
        if params is None or not params.frozen:
            raise BenchError(f"class {part.__name__} lacks the decorator @dataclass(frozen=True)")
        if wrong := misspelt(part, self.base):
            raise BenchError(wrong)
        with seeded():
            part()
        return part


def _told(error: BaseException, file: Path) -> str:
    if isinstance(error, BenchError):
        return str(error)
    if isinstance(error, SyntaxError):
        return f"SyntaxError: {error.msg} (line {error.lineno})"
    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == str(file)]
    where = f" (line {lines[-1]})" if lines else ""
    first_line = (str(error).splitlines() or [""])[0]
    return f"{type(error).__name__}: {first_line}{where}"
