"""Makes parts of any kind from names and hyperparameters."""

from __future__ import annotations

import dataclasses
import inspect
import json
from typing import Any, get_type_hints

from bench.architectures.base import Architecture
from bench.combination import SIGN, Combination
from bench.datasets.base import Dataset
from bench.errors import BenchError, nearest, shown
from bench.method import Method
from bench.metric import Extractor, FeatureMetric, Iterate, Metric
from bench.registry.ranges import schema_of, values_told
from bench.registry.seeded import seeded
from bench.registry.shelves import find
from bench.taken import OfIterate, Redrawn


@dataclasses.dataclass(frozen=True)
class Part:
    """A part as a study names it."""

    name: str
    hyperparameters: dict[str, Any] = dataclasses.field(default_factory=dict)

    @classmethod
    def of(cls, typed: Any) -> Part:
        """Read ``ring8``, ``{ring8: {sigma: 0.02}}`` or, of a dataset at a path, ``folder:PATH``.

        Raises:
            ValueError: it is written otherwise.
        """
        if isinstance(typed, Part):
            return typed
        if isinstance(typed, dict) and len(typed) == 1:
            ((name, own),) = typed.items()
            if isinstance(name, str) and isinstance(own, dict):
                return cls._at_path(name, own)
        if not isinstance(typed, str):
            raise ValueError("give a name, or one name with its hyperparameters: {name: {…: …}}")
        return cls._at_path(typed, {})

    @classmethod
    def _at_path(cls, typed: str, own: dict[str, Any]) -> Part:
        name, colon, path = typed.partition(":")
        return cls(name, {"path": path, **own}) if colon else cls(typed, dict(own))

    def __str__(self) -> str:
        told = ", ".join(f"{key}: {value}" for key, value in self.hyperparameters.items())
        return f"{self.name}({told})" if told else self.name


def make(kind: str, name: str, hyperparameters: dict[str, Any] | None = None) -> Any:
    """Make a part of any kind; an unknown name or a wrong type is refused in one line."""
    if kind == "method" and SIGN in name:
        return _combined(method_name(name), hyperparameters or {})
    found = find(kind)
    if name not in found.parts and name in found.broken:
        where, reason = found.broken[name].where, found.broken[name].reason
        raise BenchError(f"{kind} '{name}' ({where}) cannot be used: {reason}")
    if name not in found.parts:
        raise BenchError(f"unknown {kind} '{name}'{nearest(name, list(found.parts))}")
    part: Any = found.parts[name]
    hints = get_type_hints(part, include_extras=True)
    allowed = [f.name for f in dataclasses.fields(part)]
    given = {}
    for key, value in (hyperparameters or {}).items():
        if key not in allowed:
            raise BenchError(
                f"{kind} '{name}' has no hyperparameter '{key}'{nearest(key, allowed)}"
            )
        given[key] = fitted(value, hints[key], f"hyperparameter {name}.{key}")
    try:
        with seeded():
            made = part(**given)
        if isinstance(made, Metric) and made.needs == "series" and made.when:
            raise ValueError("it looks at the series of the whole run: leave `when` out")
        if isinstance(made, FeatureMetric):
            made = dataclasses.replace(made, extractor=make_extractor(made.extractor))
        return made
    except (TypeError, ValueError) as error:
        raise BenchError(f"{kind} '{name}' does not accept its hyperparameters: {error}") from error


def make_method(name: str, hyperparameters: dict[str, Any] | None = None) -> Method:
    """Make a method with its hyperparameters.

    Names with a + between them give a combination, with hyperparameters ``part.hyperparameter``.
    """
    made: Method = make("method", name, hyperparameters)
    return made


def make_dataset(name: str, hyperparameters: dict[str, Any] | None = None) -> Dataset:
    """Make a dataset with its hyperparameters."""
    made: Dataset = make("dataset", name, hyperparameters)
    return made


def make_architecture(name: str, hyperparameters: dict[str, Any] | None = None) -> Architecture:
    """Make an architecture with its hyperparameters."""
    made: Architecture = make("architecture", name, hyperparameters)
    return made


def make_metric(name: str, hyperparameters: dict[str, Any] | None = None) -> Metric:
    """Make a metric by its file's name, with the extractor that its hyperparameters name.

    Every metric of networks also takes ``iterate``: the generator that it is taken of. Every metric
    of samples takes ``redraws``: how often they are drawn anew to give the spread of its numbers.
    """
    own = dict(hyperparameters or {})
    iterate, redraws = own.pop("iterate", None), own.pop("redraws", None)
    made: Metric = make("metric", name, own)
    if iterate is not None:
        if made.needs == "series":
            raise BenchError(f"metric '{name}' looks at the series of the run: leave `iterate` out")
        asked = fitted(iterate, Iterate, f"hyperparameter {name}.iterate")
        made = OfIterate(taken=made, iterate=asked)
    if redraws is not None:
        if made.needs not in ("samples", "features"):
            raise BenchError(f"metric '{name}' looks at no samples: leave `redraws` out")
        draws = fitted(redraws, int, f"hyperparameter {name}.redraws")
        if not 2 <= draws <= 1_000:
            raise BenchError(f"hyperparameter {name}.redraws is {draws}; give 2 to 1000")
        made = Redrawn(taken=made, draws=draws)
    return made


def make_extractor(part: str | dict[str, Any]) -> Extractor:
    """Make an extractor from its name, or from its name with hyperparameters."""
    if not isinstance(part, str) and not (isinstance(part, dict) and len(part) == 1):
        raise BenchError(
            f"extractor is {shown(part)}; give a name, or {{name: {{hyperparameter: …}}}}"
        )
    name, hyperparameters = (part, {}) if isinstance(part, str) else next(iter(part.items()))
    made: Extractor = make("extractor", name, hyperparameters)
    return made


def method_name(typed: str) -> str:
    """Return the name used in results: the parts of a combination in alphabetical order."""
    return SIGN.join(sorted(part.strip() for part in typed.split(SIGN)))


def _combined(name: str, hyperparameters: dict[str, Any]) -> Method:
    names = name.split(SIGN)
    if "" in names:
        raise BenchError(f"'{name}' is not a combination; write it as one{SIGN}other")
    defaults = [make_method(part) for part in names]
    places = {
        f"{part.name}.{hyperparameter}": (part.name, hyperparameter)
        for part in defaults
        for hyperparameter in part.hyperparameters()
    }
    own: dict[str, dict[str, Any]] = {}
    for key, value in hyperparameters.items():
        if key not in places:
            known = nearest(key, list(places))
            raise BenchError(f"combination '{name}' has no hyperparameter '{key}'{known}")
        part, hyperparameter = places[key]
        own.setdefault(part, {})[hyperparameter] = value
    return Combination(tuple(make_method(part, own.get(part)) for part in names))


def described(name: str, hyperparameters: dict[str, Any]) -> str | None:
    """Return the docstrings of a method, or of a combination's parts; None without one."""
    if SIGN in name:
        try:
            made = make_method(name, hyperparameters)
        except BenchError:  # recorded once, with a method that is gone
            return None
        assert isinstance(made, Combination)
        return made.described()
    kind = find("method").parts.get(name)
    return inspect.getdoc(kind) if kind else None


def fitted(value: Any, hint: Any, where: str) -> Any:
    """Return ``value`` as the type a field asks for: numbers in a range, text, choices, tuples.

    Raises:
        BenchError: it does not fit; the message begins with ``where`` and tells what would.
    """
    from pydantic import ConfigDict, TypeAdapter, ValidationError

    try:
        # as JSON a list may become a tuple, and no text or truth value a number
        written = json.dumps(value)
        kind = TypeAdapter(hint, config=ConfigDict(allow_inf_nan=False))
        return kind.validate_json(written, strict=True)
    except ValidationError as error:
        wanted = values_told(schema_of(hint)).replace("`", "'")
        if error.errors()[0]["type"] == "json_invalid":
            wanted = "text without surrogate characters"
        article = (
            "one of " if wanted.startswith("'") else "a " if not wanted.startswith("text") else ""
        )
        raise BenchError(f"{where} is {shown(value)}; give {article}{wanted}") from error


def published_for(method: Method, dataset: Dataset) -> dict[str, Any]:
    """Return the hyperparameters published for such data, where they differ from defaults."""
    return method.published.get("points" if len(dataset.sample_shape) == 1 else "images", {})


def label_of(part: Method | Dataset | Architecture, instead: dict[str, Any] | None = None) -> str:
    """Return the name with all non-default values; for a combination the labels of its parts.

    Hyperparameters ``instead`` are not shown; they take the place of the defaults.
    """
    if isinstance(part, Combination):
        own = [
            {
                key.removeprefix(f"{each.name}."): value
                for key, value in (instead or {}).items()
                if key.startswith(f"{each.name}.")
            }
            for each in part.parts
        ]
        return SIGN.join(map(label_of, part.parts, own))
    default = type(part)().hyperparameters() | (instead or {})
    changed = [f"{k}={v}" for k, v in part.hyperparameters().items() if v != default[k]]
    if isinstance(part, Dataset) and part.label:
        changed = [told for told in changed if told.partition("=")[0] not in part.told_by_label]
        return part.label + (f"({', '.join(changed)})" if changed else "")
    return part.name + (f"({', '.join(changed)})" if changed else "")
