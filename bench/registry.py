"""Finds methods, datasets and architectures, and says what is wrong with those that fail."""

from __future__ import annotations

import dataclasses
import importlib.util
import inspect
import os
import sys
import traceback
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

import methods as methods_package
from bench.architectures.base import Architecture
from bench.architectures.dcgan import DCGAN
from bench.architectures.dirac import DiracPair
from bench.architectures.mlp import MLP
from bench.datasets.base import Dataset
from bench.datasets.digits import MNIST5k
from bench.datasets.dirac import Dirac
from bench.datasets.mixtures import Grid25, Ring8
from bench.errors import BenchError, nearest
from bench.method import Method

DATASETS: dict[str, type[Dataset]] = {kind.name: kind for kind in (Dirac, Ring8, Grid25, MNIST5k)}
ARCHITECTURES: dict[str, type[Architecture]] = {kind.name: kind for kind in (DiracPair, MLP, DCGAN)}

T = TypeVar("T")


@dataclass(frozen=True)
class Broken:
    """A file in ``methods/`` that gives no usable method, and why."""

    file: Path
    reason: str


@dataclass(frozen=True)
class Found:
    """All that ``methods/`` holds."""

    methods: dict[str, type[Method]]
    broken: dict[str, Broken]


def methods_folders() -> list[Path]:
    """The package ``methods``, then the folder named by ``BENCH_METHODS_DIR``, if any."""
    extra = os.environ.get("BENCH_METHODS_DIR")
    if extra and not Path(extra).is_dir():
        raise BenchError(f"BENCH_METHODS_DIR is '{extra}', which is no folder")
    return [Path(next(iter(methods_package.__path__))), *([Path(extra)] if extra else [])]


def _method_files() -> list[Path]:
    files = [file for folder in methods_folders() for file in sorted(folder.glob("*.py"))]
    return [file for file in files if not file.stem.startswith("_")]


@lru_cache(maxsize=1)
def find_methods() -> Found:
    """Import every file of ``methods/``; one that fails becomes a row and stops no other."""
    found: dict[str, type[Method]] = {}
    broken: dict[str, Broken] = {}
    claims: dict[str, list[tuple[Path, type[Method]]]] = {}
    for file in _method_files():
        try:
            kind = _only_method(_import(file))
        except (Exception, SystemExit) as error:  # a user's file may do anything to itself
            broken[file.stem] = Broken(file, _told(error, file))
            continue
        claims.setdefault(vars(kind).get("name") or file.stem, []).append((file, kind))
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
    return Found(dict(sorted(found.items())), broken)


def _import(file: Path) -> ModuleType:
    name = f"methods.{file.stem}"
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


def _only_method(module: ModuleType) -> type[Method]:
    own = [
        kind
        for kind in vars(module).values()
        if inspect.isclass(kind)
        and issubclass(kind, Method)
        and kind.__module__ == module.__name__
        and not kind.__name__.startswith("_")
    ]
    if not own:
        raise BenchError(
            "it defines no method: a frozen dataclass derived from bench.method.Method"
        )
    if len(own) > 1:
        names = ", ".join(kind.__name__ for kind in own)
        raise BenchError(f"it defines several methods ({names}); put each into a file of its own")
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


def make_method(name: str, settings: dict[str, Any] | None = None) -> Method:
    """A method with its settings; unknown names, settings and wrong types are told clearly."""
    found = find_methods()
    if name in found.broken and name not in found.methods:
        broken = found.broken[name]
        raise BenchError(f"method '{name}' ({broken.file.name}) cannot be used: {broken.reason}")
    return _make(found.methods, "method", name, settings)


def make_dataset(name: str, settings: dict[str, Any] | None = None) -> Dataset:
    return _make(DATASETS, "dataset", name, settings)


def make_architecture(name: str, settings: dict[str, Any] | None = None) -> Architecture:
    return _make(ARCHITECTURES, "architecture", name, settings)


def _make(known: dict[str, type[T]], what: str, name: str, settings: dict[str, Any] | None) -> T:
    if name not in known:
        raise BenchError(f"unknown {what} '{name}'{nearest(name, list(known))}")
    kind: Any = known[name]
    hints = get_type_hints(kind)
    allowed = [f.name for f in dataclasses.fields(kind)]
    given = {}
    for key, value in (settings or {}).items():
        if key not in allowed:
            raise BenchError(f"{what} '{name}' has no setting '{key}'{nearest(key, allowed)}")
        given[key] = _fitted(value, hints[key], f"setting {name}.{key}")
    try:
        return kind(**given)
    except (TypeError, ValueError) as error:
        raise BenchError(f"{what} '{name}' does not accept its settings: {error}") from error


def _fitted(value: Any, hint: Any, where: str) -> Any:
    """``value`` as the type a field asks for: numbers, text, choices and tuples of them."""
    from pydantic import TypeAdapter, ValidationError

    try:
        return TypeAdapter(hint).validate_python(value)
    except ValidationError as error:
        wanted = " or ".join(map(repr, get_args(hint))) if get_origin(hint) is Literal else hint
        problem = error.errors()[0]["msg"]
        raise BenchError(f"{where} is {value!r}, but {problem.lower()} ({wanted})") from error


def label_of(part: Method | Dataset | Architecture) -> str:
    """The name, with the settings that differ from their defaults."""
    default = type(part)().settings()
    changed = [f"{k}={v}" for k, v in part.settings().items() if v != default[k]]
    return part.name + (f"({', '.join(changed)})" if changed else "")
