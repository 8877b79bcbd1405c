"""Colours that are chosen for white paper, and what stands for them in the dark."""

from __future__ import annotations

PAPER, INK = "#16181b", "#e4e6e9"
"""The page's own in the dark; page.css says the same."""
_ENOUGH = 4.5
"""Contrast to the dark paper, as WCAG asks of text: colours are names of methods, too."""


def is_grey(colour: str) -> bool:
    """Whether a colour is black, white, or nearly without hue between them."""
    return max(rgb := _rgb(colour)) - min(rgb) <= 12


def in_the_dark(colour: str) -> str:
    """A grey takes its place between ink and paper of the dark page; a hue is lightened."""
    if is_grey(colour):
        lightness = sum(_rgb(colour)) / 3 / 255
        return _mixed(INK, PAPER, lightness)
    steps = (_mixed(colour, "#ffffff", step / 20) for step in range(20))
    return next((c for c in steps if contrast(c, PAPER) >= _ENOUGH), "#ffffff")


def contrast(one: str, other: str) -> float:
    """By WCAG 2: from 1, equal, to 21, black on white."""
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def _rgb(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _mixed(one: str, other: str, part: float) -> str:
    """``part`` of the other, the rest of the one."""
    both = zip(_rgb(one), _rgb(other), strict=True)
    return "#" + "".join(f"{round(a + (b - a) * part):02x}" for a, b in both)


def _luminance(colour: str) -> float:
    linear = [
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4
        for c in (value / 255 for value in _rgb(colour))
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
