"""Numbers as text, with the digits their metric declares."""

from __future__ import annotations

import math

from bench.metric import Quantity
from bench.report.statistics import LEVEL, Interval, Spread

NOTHING = "–"
"""What a table shows where there is no number."""
NOT_COMPUTED = "not computed"
"""What it shows where the reason is known and told below."""
LARGE = 1e5
# the sign stays on the line of its number
PERCENT = "\u00a0%"
INTERVAL = f"{100 * LEVEL:g}{PERCENT} interval"


def plain(value: float | None, digits: int) -> str:
    """Return fixed digits, or three significant ones where the number is too large to read."""
    if value is None or math.isnan(value):
        return NOTHING
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    text = f"{value:.2e}" if abs(value) >= LARGE else f"{value:.{digits}f}"
    if float(text) == 0:
        text = text.removeprefix("-")
    return text.replace("-", "−")


def of(metric: Quantity, value: float | None) -> str:
    """Return a metric's value."""
    if metric.percent and value is not None and not math.isnan(value):
        return plain(100 * value, metric.digits) + PERCENT
    return plain(value, metric.digits)


def requirement(metric: Quantity, value: float) -> str:
    """Return ``7.50 or more``, or ``or less``: what is at least as good."""
    return f"{of(metric, value)} or {metric.comparative}"


def p_value(p: float | None) -> str:
    """Return two significant digits."""
    if p is None:
        return NOTHING
    return "< 0.001" if p < 0.001 else f"{p:.2g}"


def share(value: float | None) -> str:
    """Return a probability in whole per cent."""
    return NOTHING if value is None else f"{100 * value:.0f}{PERCENT}"


def chance(found: Interval | None) -> str:
    """Return a probability and the two ends of its interval."""
    if found is None or found.low is None or found.high is None:
        return share(None if found is None else found.value)
    return f"{share(found.value)} ({100 * found.low:.0f} to {share(found.high)})"


def bounds(metric: Quantity, interval: Interval | None) -> str:
    """Return an interval's two ends."""
    if interval is None or interval.low is None:
        return NOTHING
    return f"{of(metric, interval.low)} to {of(metric, interval.high)}"


def difference(metric: Quantity, interval: Interval | None) -> str:
    """Return a difference, or another estimate, and the two ends of its interval."""
    if interval is None:
        return NOTHING
    if interval.low is None:
        return of(metric, interval.value)
    return f"{of(metric, interval.value)} ({bounds(metric, interval)})"


def mean(metric: Quantity, interval: Interval | None, expected: int) -> str:
    """Return a mean, with the seeds behind it where they are fewer than ``expected``."""
    if interval is None:
        return NOTHING
    told = of(metric, interval.value)
    return told + ("" if interval.n == expected else f" ({interval.n} of {expected} seeds)")


def mean_and_half_width(metric: Quantity, interval: Interval | None, expected: int) -> str:
    """Return the mean ± half the interval's width."""
    if interval is None or interval.half_width is None:
        return mean(metric, interval, expected)
    few = "" if interval.n == expected else f" ({interval.n} of {expected} seeds)"
    middle = of(metric, interval.value).removesuffix(PERCENT)
    return f"{middle} ± {of(metric, interval.half_width)}{few}"


def median_and_range(found: Spread | None, digits: int = 1) -> str:
    """Return the median (least – most), or the one value there is."""
    if found is None:
        return NOTHING
    if found.low == found.high:
        return plain(found.median, digits)
    ends = f"{plain(found.low, digits)} – {plain(found.high, digits)}"
    return f"{plain(found.median, digits)} ({ends})"
