"""Allowed values of a hyperparameter: its field's type, in words and as ends."""

from __future__ import annotations

import math
from typing import Any, get_args, get_type_hints

from bench.combination import Combination

_LIMITS = {
    "exclusiveMinimum": "above",
    "minimum": "from",
    "exclusiveMaximum": "below",
    "maximum": "to",
}
"""Words for the limits of JSON Schema, in their order in a sentence."""
_KINDS = {
    "integer": "whole number",
    "boolean": "`true` or `false`",
    "null": "`null`",
    "string": "text",
}
Schema = dict[str, Any]
"""JSON Schema of a type."""


def types_of(part: Any) -> dict[str, Any]:
    """Return the types of an instance's hyperparameters by name, with the ranges they state."""
    if isinstance(part, Combination):
        return {
            f"{each.name}.{name}": hint
            for each in part.parts
            for name, hint in types_of(each).items()
        }
    hints = get_type_hints(type(part), include_extras=True)
    return {name: hints[name] for name in part.hyperparameters()}


def schema_of(hint: Any) -> Schema:
    """Return the JSON Schema of a type; empty if there is none."""
    from pydantic import TypeAdapter
    from pydantic.errors import PydanticUserError

    try:
        return TypeAdapter(hint).json_schema()
    except PydanticUserError:
        return {}


def values_told(told: Schema) -> str:
    """Return the values that a schema allows, as "whole number from 1"; empty if all."""
    if "anyOf" in told:
        return " or ".join(map(values_told, told["anyOf"]))
    if "prefixItems" in told:
        first, *others = map(values_told, told["prefixItems"])
        return f"{len(others) + 1} of: {first}"
    if told.get("type") == "array" and "items" in told:
        return f"list of: {values_told(told['items'])}"
    if "enum" in told or "const" in told:
        return ", ".join(f"`{value}`" for value in told.get("enum", [told.get("const")]))
    kind = told.get("type", "")
    return f"{_KINDS.get(kind, kind)} {limits_told(told)}".strip()


def limits_told(told: Schema) -> str:
    """Return the limits of a number, as "from 0 to 1", or of those in a list; empty if none."""
    for within in (*told.get("anyOf", ()), *([told["items"]] if "items" in told else ())):
        if found := limits_told(within):
            return found
    words = [f"{word} {told[name]:,.12g}" for name, word in _LIMITS.items() if name in told]
    return ", ".join(words).replace(", to", " to" if "minimum" in told else ", up to")


def settings_told(part: Any) -> dict[str, str]:
    """Return the hyperparameters of an instance, each as its default with the limits it has."""
    limits = {name: limits_told(schema_of(hint)) for name, hint in types_of(part).items()}
    return {
        name: f"{name}={value}" + (f" ({limits[name]})" if limits[name] else "")
        for name, value in part.hyperparameters().items()
    }


def ends_of(hint: Any, digits: int) -> tuple[float, float]:
    """Return the least and the greatest number of a type, infinite where it has none.

    In place of an end that is itself left out comes one near it, of so many significant digits.
    """
    told = schema_of(hint)
    low, high = told.get("minimum", -math.inf), told.get("maximum", math.inf)
    near = 10.0 ** (1 - digits)
    if "exclusiveMinimum" in told:
        low = told["exclusiveMinimum"] + near * abs(told["exclusiveMinimum"])
    if "exclusiveMaximum" in told:
        high = told["exclusiveMaximum"] - near * abs(told["exclusiveMaximum"])
    return low, high


def has_range(hint: Any) -> bool:
    """Return whether a type states the range of its numbers, if it has any."""
    if hint in (int, float):
        return False
    return hasattr(hint, "__metadata__") or all(map(has_range, get_args(hint)))
