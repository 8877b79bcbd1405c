"""At which variants methods work and where they break."""

from __future__ import annotations

import math
from functools import partial

from bench.report.analysis.findings import Findings
from bench.report.analysis.ranking import Standing
from bench.report.analysis.tables import FLOOR
from bench.report.analysis.variants import Robustness, Varied, variant_of
from bench.report.page import numbers
from bench.report.page.document import (
    Block,
    Details,
    Drawing,
    Entry,
    Paragraph,
    Section,
    Table,
    Verdict,
)
from bench.report.topics.dataset.ranking import centre, floor
from bench.report.topics.dataset.section import dataset
from bench.report.topics.study.robustness_figures import draw_robustness, draw_variants
from bench.report.topics.study.stability import mean_of

MOST_NAMED = 3
"""Variants that are named one by one."""
FEW = 3
"""A variant breaks most methods where at most one in so many works."""


def robustness(found: Findings) -> list[Section]:
    """Return a part for each experiment that is varied."""
    if not found.varied:
        return []
    parts = [_part(found, varied) for varied in found.varied]
    return [Section("Robustness", "robustness", [Paragraph(_ROBUSTNESS)], parts)]


_ROBUSTNESS = (
    "A method works at a variant where the interquartile mean of its seeds reaches the target, "
    "which was stated before training. Shares count the variants of the study; their intervals "
    "cover other seeds, not other variants."
)


def card(varied: Varied) -> Verdict:
    """What the first screen says of an experiment: who breaks where."""
    failed = [
        f"{m.method} failed on {m.failed} of {numbers.count(m.trained, 'seed')}"
        for m in varied.methods
        if m.failed
    ]
    return Verdict(
        f"{varied.label}, {numbers.count(len(varied.pairs), 'variant')}",
        varied.anchor,
        sentence(varied),
        "; ".join(failed),
        tuple(_hardest(varied)),
    )


def sentence(varied: Varied) -> str:
    """Who works at how many variants, in one sentence."""
    if not varied.methods:
        return "No method has a trained seed."
    works = f"A method works where {varied.metric.label} is {_required(varied)}"
    if not any(m.works for m in varied.methods):
        best = varied.methods[0]
        return (
            f"{works}: none does at any variant; {best.method} comes closest, with a median of "
            f"{_number(varied, best.median)} over the variants."
        )
    by_count: dict[tuple[int, int], list[str]] = {}
    for m in varied.methods:
        by_count.setdefault((len(m.works), len(m.scores)), []).append(m.method)
    told: list[str] = []
    for (count, of), names in by_count.items():
        at = "no variant" if not count else "every variant" if count == of else f"{count} of {of}"
        at += " variants" if not told and 0 < count < of else ""
        told.append(f"{numbers.listing(names)} {'works' if len(names) == 1 else 'work'} at {at}")
    return f"{works}: {'; '.join(told)}."


def _hardest(varied: Varied) -> list[tuple[str, str]]:
    """Variants that break every method, most of them, and none, as far as all were trained."""
    every, most, none = [], [], []
    for variant, (works, broken) in varied.breaks().items():
        absent = [m.method for m in varied.methods if variant not in m.scores]
        if any(_is_open(varied, variant, method) for method in absent) or not (works or broken):
            continue
        if not works:
            every.append(variant)
        elif not broken:
            none.append(variant)
        elif len(works) <= len(varied.methods) / FEW:
            most.append(f"{variant} (but for {numbers.listing(works)})")
    told = {"Breaks every method": every, "Breaks most": most, "Breaks none": none}
    return [(term, numbers.listing(names)) for term, names in told.items() if names]


def _is_open(varied: Varied, variant: str, method: str) -> bool:
    """Whether a method may yet work at a variant at which it has no score."""
    standing = varied.standing.get((variant, method))
    return standing is not None and "not applicable" not in standing.statuses


def variants_map(found: Findings, varied: Varied) -> Drawing:
    """Return the heat map of methods × variants, which is yet to be drawn."""
    return Drawing(f"{found.slugs[varied.anchor]}/variants", partial(draw_variants, varied))


def variants(found: Findings, varied: Varied) -> Section:
    """Every variant as a dataset is shown, each folded away under its verdict."""
    blocks: list[Block] = []
    for problem, ranked in varied.pairs:
        whole = dataset(found, problem, ranked)
        works, broken = varied.breaks()[variant_of(problem)]
        told = f"{numbers.listing(works) or 'no method'} {'work' if len(works) > 1 else 'works'}"
        told = told if works or broken else "not trained"
        blocks.append(Details(f"{variant_of(problem)}: {told}", whole.blocks))
    return Section(f"{varied.label}, variant by variant", f"{varied.anchor}-variants", blocks)


def _part(found: Findings, varied: Varied) -> Section:
    if not varied.methods:
        return Section(varied.label, varied.anchor, [Paragraph(sentence(varied))])
    blocks: list[Block] = [
        Paragraph(sentence(varied)),
        _shares(found, varied),
        # the first experiment's is on the first screen where no overview is
        *([] if found.leading == varied.anchor else [variants_map(found, varied)]),
        Drawing(f"{found.slugs[varied.anchor]}/robustness", partial(draw_robustness, varied)),
        _map(varied),
    ]
    return Section(varied.label, varied.anchor, blocks)


def _shares(found: Findings, varied: Varied) -> Table:
    rows = []
    for m in varied.methods:
        rows.append([
            Entry(m.method, method=m.method),
            Entry(f"{len(m.works)} of {len(m.scores)}", value=len(m.works)),
            Entry(numbers.chance(m.share), value=m.share.value),
            Entry(_number(varied, m.median), value=_finite(m.median)),
            _worst(varied, m),
            Entry(_named(list(m.worst))),
            Entry(f"{m.failed} of {m.trained}", "failed" if m.failed else "", value=m.failed),
            *_seconds(found, varied, m),
        ])  # fmt: skip
    absent = sorted({s.method for _, ranked in varied.pairs for s in ranked}
                    - {m.method for m in varied.methods})  # fmt: skip
    partly = [m.method for m in varied.methods if len(m.scores) < len(varied.pairs)]
    return Table(
        f"robustness-{varied.anchor}",
        f"Methods over the {numbers.count(len(varied.pairs), 'variant')} of {varied.label}: at how "
        f"many they work ({varied.metric.label} of {_required(varied)}), the share of them with "
        f"its {numbers.INTERVAL} over seeds (none where other seeds would change nothing), the "
        "median over variants, and the worst variant with its interquartile mean. Failed seeds are "
        "over all variants; training is the mean over finished seeds, in seconds per seed."
        + (f" Not trained, or not applicable, at every variant: {numbers.listing(partly)}."
           if partly else "")
        + (f" Without a trained seed: {numbers.listing(absent)}." if absent else ""),
        ["method", "works at", "share of variants", "median over variants", "worst",
         "worst variant", "seeds failed", "training, seconds"],
        rows,
        texts=(5,),
    )  # fmt: skip


def _map(varied: Varied) -> Table:
    """The heat map's numbers: variants × methods."""
    methods = [m.method for m in varied.methods]
    rows = []
    for problem, _ in varied.pairs:
        variant = variant_of(problem)
        works, broken = varied.breaks()[variant]
        variation = problem.cell.variation
        changes = variation.changes if variation is not None else ""
        row = [
            Entry(variant),
            Entry(f"{len(works)} of {len(works) + len(broken)}", value=len(works)),
        ]
        for method in methods:
            standing = varied.standing.get((variant, method))
            row.append(Entry("", "quiet") if standing is None else _cell(varied, variant, standing))
        row += [floor(problem, varied.metric), Entry(changes or "nothing")]
        rows.append(row)
    return Table(
        f"variants-{varied.anchor}",
        f"Variants of {varied.label}: interquartile mean of {varied.metric.label} over seeds, "
        f"failed ones the worst. ✓ marks where a method works: {_required(varied)}.",
        ["variant", "methods that work", *methods, FLOOR, "what it changes"],
        rows,
        texts=(3 + len(methods),),
    )


def _cell(varied: Varied, variant: str, standing: Standing) -> Entry:
    problem = next(p for p, _ in varied.pairs if variant_of(p) == variant)
    if not standing.trained:
        return Entry(standing.told_statuses, "quiet")
    shown = centre(problem, standing)
    if shown.value is not None and varied.meets(shown.value):
        return Entry(f"{shown.text} ✓", value=shown.value)
    return shown


def _worst(varied: Varied, m: Robustness) -> Entry:
    value = m.scores[m.worst[0]]
    standing = varied.standing[m.worst[0], m.method]
    if math.isfinite(value):
        return Entry(_number(varied, value), value=value)
    return Entry(f"{standing.failed} of {numbers.count(len(standing.scores), 'seed')} failed",
                 "failed")  # fmt: skip


def _seconds(found: Findings, varied: Varied, m: Robustness) -> list[Entry]:
    known = []
    for problem, _ in varied.pairs:
        cells = found.cells.get((problem.label, m.method))
        if cells is None:
            continue
        seconds = mean_of(cells[cells["status"] == "ok"]["training_seconds"])
        known += [] if seconds is None else [seconds]
    mean = sum(known) / len(known) if known else None
    return [Entry(numbers.plain(mean, 1), value=mean)]


def _named(names: list[str]) -> str:
    rest = len(names) - MOST_NAMED
    if rest <= 0:
        return numbers.listing(names)
    return f"{', '.join(names[:MOST_NAMED])} and {rest} more, alike"


def _required(varied: Varied) -> str:
    return numbers.requirement(varied.metric, varied.target)


def _number(varied: Varied, value: float) -> str:
    return numbers.of(varied.metric, value) if math.isfinite(value) else "too many failed"


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
