"""The game's largest eigenvalues at three checkpoints, in the complex plane (docs/anatomy.md)."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.patches import PathPatch
from matplotlib.path import Path as Curve
from numpy.typing import NDArray

from bench.diagnosis.run import shown as told_number
from bench.metrics.eigenvalues import MOMENTS, moments, stored
from bench.records.record import Record
from bench.report.analysis.findings import Findings
from bench.report.analysis.problems import Problem
from bench.report.analysis.ranking import Standing
from bench.report.drawing.sheets import Sheet, sheeted
from bench.report.drawing.style import INK, QUIET, Style, power, save
from bench.report.drawing.words import abreast, blank, fitted, inches, text_width
from bench.report.page.document import Block, Figure
from bench.words import listing

Complex = NDArray[np.complex128]
LOOKS: tuple[dict[str, Any], ...] = (
    {"marker": "^", "mfc": "white", "mec": "#56B4E9"},
    {"marker": "s", "mfc": "white", "mec": "#0072B2"},
    {"marker": "o", "mfc": INK, "mec": INK},
)
"""Of the early, the middle and the last checkpoint."""
DECADES, INNER = 5, 0.5
"""Powers of ten that a panel spans at most, and decades that stand for all below them."""
FAINT = "#BBBBBB"


def eigenvalues(found: Findings, problem: Problem, ranked: list[Standing]) -> list[Block]:
    """Return the eigenvalues of each method's first seed; nothing where they were not measured."""
    if not any(_is_measured(record) for record in problem.records()):
        return []
    return sheeted(found, problem, ranked, "eigenvalues", draw_eigenvalues)


def _is_measured(record: Record) -> bool:
    return any(each.component["name"] == "eigenvalues" for each in record.measurements)


class Radius(NamedTuple):
    """A logarithmic distance from 0, which leaves every angle as it is."""

    first: int
    last: int
    """Powers of ten of the innermost and the outermost ring."""

    @classmethod
    def of(cls, moduli: NDArray[np.float64]) -> Radius:
        """Return one with a place for every modulus; small ones may fall on the centre."""
        known = moduli[moduli > 0]
        if not known.size:
            return cls(-1, 0)
        last = math.ceil(math.log10(known.max()) - 1e-9)
        return cls(max(math.floor(math.log10(known.min())), last - DECADES), last)

    def places(self, values: Complex) -> Complex:
        """Return where values stand in a disc of radius 1."""
        moduli = np.abs(values)
        with np.errstate(divide="ignore"):
            far = np.maximum(np.log10(moduli) - self.first + INNER, 0.0)
        reach = far / (self.last - self.first + INNER)
        return np.where(moduli > 0, reach * np.exp(1j * np.angle(values)), 0)


def draw_eigenvalues(
    problem: Problem, sheet: Sheet, _notes: list[str], style: Style, folder: Path
) -> Figure | str | None:
    """Draw a half plane per method; words where nothing is known of any, None without records."""
    first = {method: record for method in sheet.methods if (record := _first(problem, method))}
    if not first:
        return None
    values = {method: _values(record) for method, record in first.items()}
    values = {method: own for method, own in values.items() if any(map(len, own))}
    if not values:
        whys = {_why(record) for record in first.values()}
        return f"The game's eigenvalues could not be measured: {listing(sorted(whys))}."
    radius = Radius.of(np.abs(np.concatenate([np.concatenate(own) for own in values.values()])))
    rate = problem.cell.training.learning_rate
    updates = {method: _updates(first[method]) for method in values}
    usual = max(updates.values(), key=lambda each: each[-1])
    canvas = _sheet(values, radius, rate, _keys(usual, rate), style)
    longest = max(len(own) for each in values.values() for own in each)
    seeds = sorted({record.cell.seed for record in first.values()})
    left_out = [method for method in first if method not in values]
    lacking = f" Not known of {listing(left_out)}." if left_out else ""
    elsewhere = "".join(
        f" {method} at updates {listing([f'{update:,}' for update in own])}."
        for method, own in updates.items()
        if own != usual
    )
    return Figure(
        save(canvas, folder, f"{problem.anchor}-eigenvalues{sheet.suffix}"),
        f"Largest eigenvalues of the game's Jacobian on {problem.label} at an early, the middle "
        f"and the last checkpoint. {_told(values)}",
        f"The {longest} largest eigenvalues λ of the game's Jacobian v′, of pairs those with Im λ "
        f"≥ 0, of the first seed that the study lists ({listing(list(map(str, seeds)))}), whatever "
        "became of it. Closer to the vertical line there is more rotation. Distances from the "
        "centre are logarithmic. Within the dashed line a plain gradient step at the training's "
        f"learning rate, which a method may change, contracts.{elsewhere}{lacking} "
        f"{sheet.told('eigenvalues')}".strip(),
    )


def _first(problem: Problem, method: str) -> Record | None:
    """Return the run of a method, of those measured, that the study lists first."""
    found = (planned.record for planned in problem.by_method[method])
    return next((r for r in found if r is not None and _is_measured(r)), None)


def _values(record: Record) -> list[Complex]:
    return [stored(record.evaluations[-1], moment) for moment in MOMENTS]


def _why(record: Record) -> str:
    found = record.not_computed.get(f"eigenvalue_{MOMENTS[-1]}_1_real")
    return "none has converged" if found is None else found.text


def _told(values: dict[str, list[Complex]]) -> str:
    """State for each method the largest eigenvalue at the three, and what repels at the last."""
    lines = []
    for method, own in values.items():
        largest = ", ".join(_number(each[0]) if len(each) else "none" for each in own)
        repelling = int((own[-1].real > 0).sum())
        lines.append(f"{method}: {largest}; {repelling} of {len(own[-1])} repel at the last")
    return f"The largest of each: {'. '.join(lines)}."


def _number(value: complex) -> str:
    real = told_number(value.real).replace("-", "−")
    return f"{real} ± {told_number(value.imag)}i" if value.imag else real


def _keys(updates: list[int], rate: float) -> list[tuple[Line2D, str]]:
    """Return the legend's entries: the checkpoints, and the line of plain steps."""
    keys = [
        (Line2D([], [], ls="", ms=6, **look), f"update {update:,}")
        for look, update in zip(LOOKS, updates, strict=True)
    ]
    edge = Line2D([], [], color=QUIET, ls=(0, (4, 2)), lw=1)
    return [*keys, (edge, f"|1 + hλ| = 1 at h = {rate:g}")]


def _updates(record: Record) -> list[int]:
    found = record.checkpoints
    return [found[place]["update"] for place in moments(len(found))]


def _sheet(
    values: dict[str, list[Complex]], radius: Radius, rate: float,
    keys: list[tuple[Line2D, str]], style: Style,
) -> Any:  # fmt: skip
    """Lay out half discs under each method's name, with a legend below."""
    em, columns = style.em, min(style.across(3, 1.4), len(values))
    rows = -(-len(values) // columns)
    margin, between = 2 * em, 4 * em
    wide = (style.width - 2 * margin + between) / max(style.across(3, 1.4), columns) - between
    half, head, under = wide / 2, 2.2 * em, 2.2 * em
    told = [words for _, words in keys]
    side_by_side = abreast(told, style, 4)
    foot = (1.7 * -(-len(keys) // side_by_side) + 2.6) * em
    canvas = blank(style.width, rows * (head + half + under) + foot)
    page = inches(canvas)
    page.text(margin + half + 0.5 * em, head + em, "Im λ", fontsize=style.small, color=QUIET)
    for place, (method, own) in enumerate(values.items()):
        row, column = divmod(place, columns)
        centre = margin + column * (wide + between) + half
        ground = row * (head + half + under) + head + half
        _half_disc(page, (centre, ground, half), radius, rate, style)
        name = page.text(centre - half, ground - half - 0.6 * em,
                         fitted(method, style.text, wide, "bold"), fontweight="bold",
                         fontsize=style.text)  # fmt: skip
        style.tag(name, method)
        for look, each in zip(LOOKS, own, strict=True):
            at = radius.places(each)
            (marks,) = page.plot(
                centre + half * at.real, ground - half * at.imag, ls="", ms=4.5 * style.scale,
                mew=style.thin, clip_on=False, **look,
            )  # fmt: skip
            style.tag(marks, method)
    canvas.legend([drawn for drawn, _ in keys], told, loc="lower center", ncols=side_by_side,
                  frameon=False, borderpad=0, borderaxespad=0.4)  # fmt: skip
    page.text(style.width / 2, canvas.get_figheight() - foot + 1.2 * em,
              "← attracts · Re λ · repels →", ha="center", va="center",
              fontsize=style.text)  # fmt: skip
    return canvas


def marginal(radius: Radius, rate: float) -> Complex:
    """Return where |1 + hλ| = 1, from the innermost ring to the outermost, Im λ > 0."""
    # steps of the angle in proportion to the modulus, which spans powers of ten
    angles = np.geomspace(min(rate * 10.0**radius.first, np.pi), np.pi, 2001)
    found = np.expm1(1j * angles) / rate
    return found[np.abs(found) <= 10.0**radius.last]


def _half_disc(
    page: Any, at: tuple[float, float, float], radius: Radius, rate: float, style: Style
) -> None:
    """Draw rings at powers of ten, both axes, and the edge of what a plain step contracts."""
    centre, ground, half = at
    decades = np.array([10.0**k + 0j for k in range(radius.first, radius.last + 1)])
    upper = Curve.arc(0, 180, 2)
    rings = [
        Curve(np.asarray(upper.vertices) * (reach, -reach) + (centre, ground), upper.codes)
        for reach in half * np.abs(radius.places(decades))
    ]
    # one element for all of them keeps the page small
    whole = Curve.make_compound_path(*rings)
    page.add_patch(PathPatch(whole, fill=False, ec=FAINT, lw=0.7 * style.thin, clip_on=False))
    edge = radius.places(marginal(radius, rate))
    # in even steps of what is drawn
    steps = (np.cumsum(np.abs(np.diff(edge, prepend=edge[:1]))) / 0.08).astype(int)
    edge = np.append(edge[np.unique(steps, return_index=True)[1]], edge[-1:])

    def draw(line: Complex, **options: Any) -> None:
        page.plot(centre + half * line.real, ground - half * line.imag, clip_on=False, **options)

    draw(np.array([-1, 1, np.nan, 0, 1j]), color=QUIET, lw=style.thin)
    draw(edge, color=QUIET, ls=(0, (4, 2)), lw=style.thin)
    room = text_width("−1000", style.small) + 0.5 * style.em
    step = max(1, math.ceil(room * (radius.last - radius.first + INNER) / half))
    for k in range(radius.last, radius.first - 1, -step):
        reach = float(radius.places(np.array([10.0**k + 0j]))[0].real)
        for sign, told in ((1, power(10.0**k)), (-1, f"−{power(10.0**k)}")):
            page.text(centre + sign * reach * half, ground + 0.4 * style.em, told, ha="center",
                      va="top", fontsize=style.small, color=QUIET)  # fmt: skip
