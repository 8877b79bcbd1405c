"""The topics of one dataset, in the order of the page: a file and a line here for each.

A topic is a function (findings, problem, its standings) → blocks, none where it has nothing to say.
"""

from __future__ import annotations

from collections.abc import Callable

from bench.report.analysis.findings import Findings
from bench.report.analysis.problems import Problem
from bench.report.analysis.ranking import Standing
from bench.report.page.document import Block, Details, Section
from bench.report.topics.dataset.curves import curves
from bench.report.topics.dataset.diagnosis import diagnosis
from bench.report.topics.dataset.eigenvalues import eigenvalues
from bench.report.topics.dataset.equal_cost import at_cost
from bench.report.topics.dataset.gradients import gradients, thresholds
from bench.report.topics.dataset.growth import growth_curves
from bench.report.topics.dataset.latents import evolution, interpolations
from bench.report.topics.dataset.losses import losses
from bench.report.topics.dataset.norms import norms
from bench.report.topics.dataset.pairs import decisions, improvement, pairs
from bench.report.topics.dataset.phase import phase
from bench.report.topics.dataset.profiles import profiles
from bench.report.topics.dataset.ranking import conditions, metrics, ranking
from bench.report.topics.dataset.samples import samples
from bench.report.topics.dataset.sureness import sureness
from bench.report.topics.study.provenance import mixed_conditions

Topic = Callable[[Findings, Problem, list[Standing]], list[Block]]

SHOWN: tuple[Topic, ...] = (
    mixed_conditions, decisions, ranking, curves, phase, diagnosis, norms, improvement
)  # fmt: skip
FOLDED: dict[str, tuple[Topic, ...]] = {
    "Other metrics": (metrics,),
    "At equal cost": (at_cost,),
    "Gradients: spikes and growth": (gradients, growth_curves, thresholds),
    "How reliable is this ranking?": (pairs, sureness),
    "More figures": (eigenvalues, samples, losses, profiles, evolution, interpolations),
    "Architecture, training and budget": (conditions,),
}


def dataset(found: Findings, problem: Problem, ranked: list[Standing]) -> Section:
    """Return a dataset's section: what is shown, and everything else folded by subject."""

    def of(topics: tuple[Topic, ...]) -> list[Block]:
        return [block for topic in topics for block in topic(found, problem, ranked)]

    folded = {f"{problem.label}: {name}": of(topics) for name, topics in FOLDED.items()}
    more = [Details(name, blocks) for name, blocks in folded.items() if blocks]
    return Section(problem.label, f"dataset-{problem.anchor}", [*of(SHOWN), *more])
