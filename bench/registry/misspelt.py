"""Names in a part's class that nothing reads and that resemble one of the contract's."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from types import CodeType
from typing import Any

LIKE = 0.85
"""How much alike two names are, of at most 1, for one to be taken for a slip."""


def misspelt(part: type, contract: type) -> str:
    """Return the problem with a name of the class that would silently have no effect.

    Names are accepted that the class or a base class reads itself, or has besides the name that
    they resemble. Empty if there is no problem.
    """
    *own, _ = part.__mro__[: part.__mro__.index(contract) + 1]
    read = {name for kind in own for code in _code_of(kind) for name in code.co_names}
    stated: set[str] = set()
    for place, kind in enumerate(own):
        names = _public(kind)
        known = {name for other in part.__mro__[place + 1 :] for name in _public(other)}
        stated |= names & known
        for name in sorted(names - known - read):
            near = get_close_matches(name, sorted(known), n=1, cutoff=LIKE)
            if near and near[0] not in stated:
                return (
                    f"class {kind.__name__} has '{name}', which nothing reads; did you mean "
                    f"'{near[0]}'? If not, rename it, as '_{name}'"
                )
    return ""


def _public(kind: type) -> set[str]:
    """Return the names that a class itself defines, without those that begin with ``_``."""
    names = {*vars(kind), *vars(kind).get("__annotations__", {})}
    return {name for name in names if not name.startswith("_")}


def _code_of(kind: type) -> Iterator[CodeType]:
    """Return the code of all functions of a class, and of those within them."""
    for each in vars(kind).values():
        for function in (each, *(getattr(each, name, None) for name in _WRAPPED)):
            code = getattr(function, "__code__", None)
            # what dataclasses write reads every field
            if isinstance(code, CodeType) and code.co_filename != "<string>":
                yield from _nested(code)


_WRAPPED = ("fget", "func", "__func__", "__wrapped__")
"""Where properties, cached ones, class methods and decorated functions keep the function."""


def _nested(code: CodeType) -> Iterator[CodeType]:
    yield code
    constants: Any = code.co_consts
    for each in constants:
        if isinstance(each, CodeType):
            yield from _nested(each)
