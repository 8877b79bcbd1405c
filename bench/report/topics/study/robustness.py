"""At which variants of an experiment methods work and where they break."""

from __future__ import annotations

import math
from functools import partial
from pathlib import Path

from bench.report.analysis.findings import Findings
from bench.report.analysis.ranking import Standing
from bench.report.analysis.tables import FLOOR, mean_of
from bench.report.analysis.variants import Robustness, Varied, variant_of
from bench.report.drawing.style import Style, save
from bench.report.drawing.words import seeds_told
from bench.report.page import numbers
from bench.report.page.document import (
    EMPTY,
    Block,
    Details,
    Drawing,
    Entry,
    Figure,
    Paragraph,
    Section,
    Table,
    Verdict,
)
from bench.report.topics.dataset.profiles import MOST_COLOURED, Line, Upright, draw_lines
from bench.report.topics.dataset.ranking import centre, floor
from bench.report.topics.dataset.section import dataset
from bench.report.topics.study.overview import MOST_TOLD, Map
from bench.words import count as counted
from bench.words import listing

WORKS = "✓"
MOST_NAMED = 3
"""Variants that are named one by one."""
FEW = 3
"""A variant breaks most methods where at most one in so many works."""


def robustness(found: Findings) -> list[Section]:
    """Return a part for each experiment that is varied."""
    if not found.varied:
        return []
    told = (
        "A method works at a variant where the interquartile mean of its seeds reaches the target, "
        "which was stated before training. Shares count the variants of the study; their intervals "
        "cover other seeds, not other variants."
    )
    parts = [_part(found, varied) for varied in found.varied]
    return [Section("Robustness", "robustness", [Paragraph(told)], parts)]


def card(varied: Varied) -> Verdict:
    """Return what the first screen says of an experiment: who breaks where."""
    failed = [
        f"{m.method} failed on {m.failed} of {counted(m.trained, 'seed')}"
        for m in varied.methods
        if m.failed
    ]
    return Verdict(
        f"{varied.label}, {counted(len(varied.pairs), 'variant')}",
        varied.anchor,
        sentence(varied),
        "; ".join(failed),
        tuple(_hardest(varied)),
    )


def sentence(varied: Varied) -> str:
    """Return who works at how many variants, in one sentence."""
    if not varied.methods:
        if any(standing.trained for standing in varied.standing.values()):
            return f"No method has a value of {varied.metric.label}."
        return "No method has a trained seed."
    works = f"A method works where {varied.metric.label} is {_required(varied)}"
    if not any(m.works for m in varied.methods):
        best = varied.methods[0]
        if not math.isfinite(best.median):
            return f"{works}: none does at any variant, and too many seeds failed for a median."
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
        told.append(f"{listing(names)} {'works' if len(names) == 1 else 'work'} at {at}")
    return f"{works}: {'; '.join(told)}."


def _hardest(varied: Varied) -> list[tuple[str, str]]:
    """Return variants that break every method, most, and none, where all methods were trained."""
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
            most.append(f"{variant} (but for {listing(works)})")
    told = {"Breaks every method": every, "Breaks most": most, "Breaks none": none}
    return [(term, listing(names)) for term, names in told.items() if names]


def _is_open(varied: Varied, variant: str, method: str) -> bool:
    """Return whether a method may yet work at a variant at which it has no score."""
    standing = varied.standing.get((variant, method))
    return standing is not None and "not applicable" not in standing.statuses


def variants_map(found: Findings, varied: Varied) -> Drawing:
    """Return the heat map of methods × variants, which is yet to be drawn."""
    return Drawing(f"{found.slugs[varied.anchor]}/variants", partial(draw_variants, varied))


def variants(found: Findings, varied: Varied) -> Section:
    """Return every variant as a dataset is shown, each folded away under its verdict."""
    blocks: list[Block] = []
    for problem, ranked in varied.pairs:
        whole = dataset(found, problem, ranked)
        works, broken = varied.breaks()[variant_of(problem)]
        told = f"{listing(works) or 'no method'} {'work' if len(works) > 1 else 'works'}"
        told = told if works or broken else "not judged"
        blocks.append(Details(f"{variant_of(problem)}: {told}", whole.blocks))
    return Section(f"{varied.label}, variant by variant", f"{varied.anchor}-variants", blocks)


def _part(found: Findings, varied: Varied) -> Section:
    blocks: list[Block] = [Paragraph(sentence(varied))]
    if varied.methods:
        blocks.append(_shares(found, varied))
        # the first experiment's is on the first screen where no overview is
        if found.leading != varied.anchor:
            blocks.append(variants_map(found, varied))
        name = f"{found.slugs[varied.anchor]}/robustness"
        blocks += [Drawing(name, partial(draw_robustness, varied)), _table(varied)]
    return Section(varied.label, varied.anchor, blocks)


def _shares(found: Findings, varied: Varied) -> Table:
    rows = []
    for m in varied.methods:
        seconds = [
            mean
            for problem, _ in varied.pairs
            if (mean := mean_of(found.finished(problem, m.method)["training_seconds"])) is not None
        ]
        mean = sum(seconds) / len(seconds) if seconds else None
        rows.append([
            Entry(m.method, method=m.method),
            Entry(f"{len(m.works)} of {len(m.scores)}", value=len(m.works)),
            Entry(numbers.chance(m.share), value=m.share.value),
            Entry(_number(varied, m.median), value=m.median if math.isfinite(m.median) else None),
            _worst(varied, m),
            Entry(_few(list(m.worst))),
            Entry(f"{m.failed} of {m.trained}", "failed" if m.failed else "", value=m.failed),
            Entry(numbers.plain(mean, 1), value=mean),
        ])  # fmt: skip
    absent = sorted({s.method for _, ranked in varied.pairs for s in ranked}
                    - {m.method for m in varied.methods})  # fmt: skip
    partly = [m.method for m in varied.methods if len(m.scores) < len(varied.pairs)]
    return Table(
        f"robustness-{varied.anchor}",
        f"Methods over the {counted(len(varied.pairs), 'variant')} of {varied.label}: at how "
        f"many they work ({varied.metric.label} of {_required(varied)}), the share of them with "
        f"its {numbers.INTERVAL} over seeds (none where other seeds would change nothing), the "
        "median over variants, and the worst variant with its interquartile mean. Failed seeds are "
        "over all variants; training is the mean over finished seeds, in seconds per seed."
        + (f" Not trained, or not applicable, at every variant: {listing(partly)}."
           if partly else "")
        + (f" Without a trained seed: {listing(absent)}." if absent else ""),
        ["method", "works at", "share of variants", "median over variants", "worst",
         "worst variant", "seeds failed", "training, seconds"],
        rows,
        texts=(5,),
    )  # fmt: skip


def _table(varied: Varied) -> Table:
    """Return the heat map's numbers: variants × methods."""
    methods = [m.method for m in varied.methods]
    rows = []
    for problem, ranked in varied.pairs:
        variant, variation = variant_of(problem), problem.cell.variation
        works, broken = varied.breaks()[variant]
        own = {s.method: s for s in ranked}
        row = [
            Entry(variant),
            Entry(f"{len(works)} of {len(works) + len(broken)}", value=len(works)),
        ]
        for method in methods:
            if method not in own:
                row.append(EMPTY)
            elif not own[method].trained:
                row.append(Entry(own[method].told_statuses, "quiet"))
            else:
                shown = centre(problem, own[method])
                tick = f" {WORKS}" if method in works else ""
                row.append(Entry(f"{shown.text}{tick}", shown.mark, value=shown.value))
        changes = variation.changes if variation is not None else ""
        rows.append([*row, floor(problem, varied.metric), Entry(changes or "nothing")])
    return Table(
        f"variants-{varied.anchor}",
        f"Variants of {varied.label}: interquartile mean of {varied.metric.label} over seeds, "
        f"failed ones the worst. {WORKS} marks where a method works: {_required(varied)}.",
        ["variant", "methods that work", *methods, FLOOR, "what it changes"],
        rows,
        texts=(3 + len(methods),),
    )


def _worst(varied: Varied, m: Robustness) -> Entry:
    value = m.scores[m.worst[0]]
    if math.isfinite(value):
        return Entry(_number(varied, value), value=value)
    standing = varied.standing[m.worst[0], m.method]
    return Entry(f"{standing.failed} of {counted(len(standing.scores), 'seed')} failed",
                 "failed")  # fmt: skip


def _few(names: list[str]) -> str:
    rest = len(names) - MOST_NAMED
    if rest <= 0:
        return listing(names)
    return f"{', '.join(names[:MOST_NAMED])} and {rest} more, alike"


def _required(varied: Varied) -> str:
    return numbers.requirement(varied.metric, varied.target)


def _number(varied: Varied, value: float) -> str:
    return numbers.of(varied.metric, value) if math.isfinite(value) else "too many failed"


def draw_variants(varied: Varied, style: Style, folder: Path) -> Figure | None:
    """Draw methods × variants, ticked where the target is reached; None without a trained seed."""
    if not varied.methods:
        return None
    problems, standings = map(list, zip(*varied.pairs, strict=True))

    def sign(standing: Standing) -> str:
        works = standing.centre is not None and varied.meets(standing.centre.value)
        return WORKS if works else ""

    shown = Map(
        problems,
        standings,
        {m.method: _share(m) for m in varied.methods},
        "works\nat",
        [(variant_of(problem), "") for problem in problems],
        sign,
        f"{WORKS} works: {_required(varied)}",
    )
    failed = " Grey: too many seeds failed for a mean." if shown.any_failed else ""
    return Figure(
        save(shown.draw(style), folder, f"{varied.anchor}-variants"),
        _heard(varied),
        f"Interquartile mean of {varied.metric.label} on {varied.label}, {seeds_told(problems)}. "
        f"{WORKS}: the target is reached, {_required(varied)}. Colour: progress from an untrained "
        f"generator (pale) to real data (dark).{failed}",
    )


def _heard(varied: Varied) -> str:
    few = len(varied.methods) * len(varied.pairs) <= MOST_TOLD
    rows = []
    for m in varied.methods:
        told = [f"{variant} {_number(varied, value)}{', works' if variant in m.works else ''}"
                for variant, value in m.scores.items()]  # fmt: skip
        rows.append(f"{m.method} works at {_share(m)}" + (f": {'; '.join(told)}" if few else ""))
    return (
        f"Heat map of {counted(len(varied.methods), 'method')} by "
        f"{counted(len(varied.pairs), 'variant')} of {varied.label}. {'. '.join(rows)}."
    )


def draw_robustness(varied: Varied, style: Style, folder: Path) -> Figure | None:
    """Draw the share of variants against what is required; None where no variant has a mean."""
    if not any(math.isfinite(value) for m in varied.methods for value in m.scores.values()):
        return None
    metric, required = varied.metric, _required(varied)
    target = Upright(varied.target, f"target, {required}", "--", is_kept=True)
    lines = [Line(m.method, varied.shown(m)) for m in varied.methods]
    canvas, _ = draw_lines(lines, metric, "share of variants this good", target, style)
    at = ", ".join(f"{m.method} {_share(m)}" for m in varied.methods[:MOST_COLOURED])
    rest = f" Grey: all but the first {MOST_COLOURED}." if len(lines) > MOST_COLOURED else ""
    return Figure(
        save(canvas, folder, f"{varied.anchor}-robustness"),
        f"Robustness profiles on {varied.label}: the share of {len(varied.pairs)} variants at "
        f"which each method is at least as good as required of {metric.label}. "
        f"At the target, {required}: {at}.",
        f"Share of the {len(varied.pairs)} variants at which a method's interquartile mean is at "
        f"least this good. Dashed: the target. Left of it: a "
        f"{'milder' if metric.higher_is_better else 'stricter'} one.{rest}",
    )


def _share(method: Robustness) -> str:
    """Return ``4/6``: variants at which it works, of those at which it was trained."""
    return f"{len(method.works)}/{len(method.scores)}"
