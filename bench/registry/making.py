"""Makes parts of any kind from names and settings."""

from __future__ import annotations

import dataclasses
import inspect
from typing import Any, Literal, get_origin, get_type_hints

from bench.architectures.base import Architecture
from bench.combination import SIGN, Combination
from bench.datasets.base import Dataset
from bench.errors import BenchError, nearest
from bench.method import Method
from bench.metric import Extractor, FeatureMetric, Metric
from bench.registry.shelves import find


def make(kind: str, name: str, settings: dict[str, Any] | None = None) -> Any:
    """A part of any kind with its settings; what is unknown or of a wrong type is told clearly."""
    if kind == "method" and SIGN in name:
        return _combined(method_name(name), settings or {})
    found = find(kind)
    if name not in found.parts and name in found.broken:
        where, reason = found.broken[name].where, found.broken[name].reason
        raise BenchError(f"{kind} '{name}' ({where}) cannot be used: {reason}")
    if name not in found.parts:
        raise BenchError(f"unknown {kind} '{name}'{nearest(name, list(found.parts))}")
    part: Any = found.parts[name]
    hints = get_type_hints(part)
    allowed = [f.name for f in dataclasses.fields(part)]
    given = {}
    for key, value in (settings or {}).items():
        if key not in allowed:
            raise BenchError(f"{kind} '{name}' has no setting '{key}'{nearest(key, allowed)}")
        given[key] = _fitted(value, hints[key], f"setting {name}.{key}")
    try:
        made = part(**given)
        if isinstance(made, FeatureMetric):
            made = dataclasses.replace(made, extractor=make_extractor(made.extractor))
        return made
    except (TypeError, ValueError) as error:
        raise BenchError(f"{kind} '{name}' does not accept its settings: {error}") from error


def make_method(name: str, settings: dict[str, Any] | None = None) -> Method:
    """A method with its settings.

    Names with a + between them give a combination, whose settings are called ``part.setting``.
    """
    made: Method = make("method", name, settings)
    return made


def make_dataset(name: str, settings: dict[str, Any] | None = None) -> Dataset:
    """A dataset with its settings."""
    made: Dataset = make("dataset", name, settings)
    return made


def make_architecture(name: str, settings: dict[str, Any] | None = None) -> Architecture:
    """An architecture with its settings."""
    made: Architecture = make("architecture", name, settings)
    return made


def make_metric(name: str, settings: dict[str, Any] | None = None) -> Metric:
    """A metric by its file's name, with the extractor that its hyperparameters name."""
    made: Metric = make("metric", name, settings)
    return made


def make_extractor(part: str | dict[str, Any]) -> Extractor:
    """An extractor from its name, or its name with hyperparameters."""
    if not isinstance(part, str) and not (isinstance(part, dict) and len(part) == 1):
        raise BenchError(f"extractor is {part!r}; give a name, or {{name: {{hyperparameter: …}}}}")
    name, settings = (part, {}) if isinstance(part, str) else next(iter(part.items()))
    made: Extractor = make("extractor", name, settings)
    return made


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
    kind = find("method").parts.get(name)
    return inspect.getdoc(kind) if kind else None


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
