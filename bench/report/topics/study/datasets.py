"""The datasets one by one, after their ranks taken together."""

from __future__ import annotations

from functools import partial

from bench.report.analysis.findings import Findings
from bench.report.page.document import Block, Drawing, Section
from bench.report.topics.dataset.section import dataset
from bench.report.topics.study.ranks import draw_critical_difference
from bench.report.topics.study.robustness import variants


def datasets(found: Findings) -> list[Section]:
    """Return a part for each dataset, and one for each dataset that has variants."""
    if not found.problems:
        return []
    parts = [dataset(found, problem, ranked) for problem, ranked in found.fixed]
    parts += [variants(found, varied) for varied in found.varied]
    above: list[Block] = []
    if len(found.fixed) > 1:
        problems, standings = map(list, zip(*found.fixed, strict=True))
        draw = partial(draw_critical_difference, problems, standings)
        above.append(Drawing("critical-difference", draw))
    return [Section("Datasets", "datasets", above, parts)]
