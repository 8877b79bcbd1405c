"""Makes methods, datasets and architectures from names and settings."""

from __future__ import annotations

import dataclasses
import inspect
from typing import Any, Literal, TypeVar, get_origin, get_type_hints

from bench.architectures.base import Architecture
from bench.combination import SIGN, Combination
from bench.datasets.base import Dataset
from bench.datasets.digits import Digits8, MNIST5k
from bench.datasets.dirac import Dirac
from bench.datasets.downloaded import CIFAR10, MNIST, FashionMNIST
from bench.datasets.folder import Folder
from bench.datasets.mixtures import Grid25, Ring8
from bench.datasets.stacked import StackedMNIST
from bench.errors import BenchError, nearest
from bench.method import Method
from bench.registry.finding import Broken, find_architectures, find_methods

DATASETS: dict[str, type[Dataset]] = {
    kind.name: kind
    for kind in (
        *(Dirac, Ring8, Grid25, Digits8, MNIST5k),
        *(StackedMNIST, MNIST, FashionMNIST, CIFAR10, Folder),
    )
}

T = TypeVar("T", bound="Method | Dataset | Architecture")


def make_method(name: str, settings: dict[str, Any] | None = None) -> Method:
    """A method with its settings; unknown names, settings and wrong types are told clearly.

    Names with a + between them give a combination, whose settings are called ``part.setting``.
    """
    if SIGN in name:
        return _combined(method_name(name), settings or {})
    found = find_methods()
    return _make(found.methods, "method", name, settings, found.broken)


def method_name(typed: str) -> str:
    """The name as results bear it: the parts of a combination in the order of the alphabet."""
    return SIGN.join(sorted(part.strip() for part in typed.split(SIGN)))


def _combined(name: str, settings: dict[str, Any]) -> Method:
    names = name.split(SIGN)
    if "" in names:
        raise BenchError(f"'{name}' is no combination; write it as one{SIGN}other")
    defaults = [make_method(part) for part in names]
    places = {
        f"{part.name}.{setting}": (part.name, setting)
        for part in defaults
        for setting in part.settings()
    }
    own: dict[str, dict[str, Any]] = {}
    for key, value in settings.items():
        if key not in places:
            known = nearest(key, list(places))
            raise BenchError(f"combination '{name}' has no setting '{key}'{known}")
        part, setting = places[key]
        own.setdefault(part, {})[setting] = value
    return Combination(tuple(make_method(part, own.get(part)) for part in names))


def described(name: str, settings: dict[str, Any]) -> str | None:
    """What a method's file says of it, or what those of a combination say; None without one."""
    if SIGN in name:
        try:
            made = make_method(name, settings)
        except BenchError:  # recorded once, with a method that is gone
            return None
        assert isinstance(made, Combination)
        return made.described()
    kind = find_methods().methods.get(name)
    return inspect.getdoc(kind) if kind else None


def make_dataset(name: str, settings: dict[str, Any] | None = None) -> Dataset:
    return _make(DATASETS, "dataset", name, settings)


def make_architecture(name: str, settings: dict[str, Any] | None = None) -> Architecture:
    """An architecture with its settings, told as clearly as a method's."""
    found = find_architectures()
    return _make(found.architectures, "architecture", name, settings, found.broken)


def _make(
    known: dict[str, type[T]],
    what: str,
    name: str,
    settings: dict[str, Any] | None,
    broken: dict[str, Broken] | None = None,
) -> T:
    if name not in known and broken and name in broken:
        file, reason = broken[name].where, broken[name].reason
        raise BenchError(f"{what} '{name}' ({file}) cannot be used: {reason}")
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
        # of choices the message names every one already
        wanted = "" if get_origin(hint) is Literal else f" ({getattr(hint, '__name__', hint)})"
        problem = error.errors()[0]["msg"]
        raise BenchError(f"{where} is {value!r}, but {problem.lower()}{wanted}") from error


def label_of(part: Method | Dataset | Architecture) -> str:
    """The name with the settings that differ from their defaults; of a combination, the parts'."""
    if isinstance(part, Combination):
        return SIGN.join(label_of(each) for each in part.parts)
    default = type(part)().settings()
    changed = [f"{k}={v}" for k, v in part.settings().items() if v != default[k]]
    if isinstance(part, Dataset) and part.label:
        changed = [told for told in changed if told.partition("=")[0] not in part.told_by_label]
        return part.label + (f"({', '.join(changed)})" if changed else "")
    return part.name + (f"({', '.join(changed)})" if changed else "")
