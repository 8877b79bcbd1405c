"""Where an experiment has variants: at which of them each method works."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from bench.metric import Quantity
from bench.report.analysis.problems import Problem, describe
from bench.report.analysis.ranking import Standing
from bench.report.statistics import Interval, median, share_of_variants

Pair = tuple[Problem, list[Standing]]


@dataclass(frozen=True)
class Robustness:
    """One method over the variants of an experiment."""

    method: str
    scores: dict[str, float]
    """Interquartile mean over seeds by variant, infinitely bad where too many seeds failed.
    Variants without a trained seed are left out."""
    works: tuple[str, ...]
    """Variants at which it reaches the target."""
    share: Interval
    """Of the variants in ``scores``; the interval speaks of other seeds, not of other variants."""
    median: float
    """Over variants; infinitely bad where half of them are."""
    worst: tuple[str, ...]
    """The variant at which it does worst; several where they are equally bad."""
    failed: int
    """Seeds that failed, over all variants."""
    trained: int


@dataclass(frozen=True)
class Varied:
    """The problems that one experiment is varied over: they differ by their variants alone.

    They are one dataset seen several times, and never counted as several datasets.
    """

    label: str
    """The dataset's label, with what tells it from other experiments on the same dataset."""
    pairs: list[Pair]
    """A problem for each variant, in the study's order."""

    @property
    def metric(self) -> Quantity:
        return self.pairs[0][0].primary

    @property
    def target(self) -> float:
        """Value of the metric from which on a method works."""
        variation = self.pairs[0][0].cell.variation
        assert variation is not None
        return variation.target

    @property
    def anchor(self) -> str:
        variation = self.pairs[0][0].cell.variation
        assert variation is not None
        return f"{self.pairs[0][0].anchor.rpartition('-')[0]}-varied-{variation.group[:6]}"

    @property
    def variants(self) -> list[str]:
        return [variant_of(problem) for problem, _ in self.pairs]

    @cached_property
    def methods(self) -> list[Robustness]:
        """Those with a trained seed: most variants at which they work first, then by the median."""
        labels = sorted({s.method for _, ranked in self.pairs for s in ranked})
        found = [each for label in labels if (each := self._robustness(label)) is not None]
        worse = -self.metric.sign
        return sorted(found, key=lambda r: (-r.share.value, worse * r.median, r.failed, r.method))

    @cached_property
    def standing(self) -> dict[tuple[str, str], Standing]:
        """By variant and method."""
        return {(variant_of(p), s.method): s for p, ranked in self.pairs for s in ranked}

    def meets(self, value: float) -> bool:
        """Return whether a value is as good as the target."""
        return self.metric.reaches(value, self.target)

    def shown(self, method: Robustness) -> list[float]:
        """Return a method's scores as they are shown, and so held against a target."""
        return [self.metric.shown(value) for value in method.scores.values()]

    def breaks(self) -> dict[str, tuple[list[str], list[str]]]:
        """Return, for each variant, the methods that work there and those that do not."""
        return {
            variant: (
                [m.method for m in self.methods if variant in m.works],
                [m.method for m in self.methods if variant in m.scores and variant not in m.works],
            )
            for variant in self.variants
        }

    def _robustness(self, label: str) -> Robustness | None:
        own = {variant: s for (variant, method), s in self.standing.items() if method == label}
        trained = {variant: s for variant, s in own.items() if s.centre is not None}
        scores = {variant: s.centre.value for variant, s in trained.items() if s.centre}
        if not scores:
            return None
        seeds = sorted({seed for s in trained.values() for seed in s.scores})
        table = [[s.scores.get(seed, math.nan) for s in trained.values()] for seed in seeds]
        metric = self.metric
        share = share_of_variants(table, self.target, metric.higher_is_better, metric.places)
        assert share is not None
        badness = {variant: _badness(metric, s) for variant, s in trained.items()}
        return Robustness(
            label,
            scores,
            tuple(variant for variant, value in scores.items() if self.meets(value)),
            share,
            float(np.asarray(median(list(scores.values())))),
            tuple(s for s, value in badness.items() if value == max(badness.values())),
            sum(s.failed for s in trained.values()),
            sum(len(s.scores) for s in trained.values()),
        )


def varied(problems: list[Problem], standings: list[list[Standing]]) -> list[Varied]:
    """Return the experiments of a study that have variants, in its order."""
    grouped: dict[str, list[Pair]] = defaultdict(list)
    for problem, ranked in zip(problems, standings, strict=True):
        if problem.cell.variation is not None:
            grouped[problem.cell.variation.group].append((problem, ranked))
    groups = list(grouped.values())
    return [Varied(label, pairs) for label, pairs in zip(_labels(groups), groups, strict=True)]


def variant_of(problem: Problem) -> str:
    """Return the name of a problem's variant; nothing where its experiment is not varied."""
    return problem.cell.variation.name if problem.cell.variation is not None else ""


def _badness(metric: Quantity, standing: Standing) -> tuple[float, float]:
    """Return a number that is greater for what is worse; of failures, for more failed seeds."""
    assert standing.centre is not None
    failed = standing.failed / max(len(standing.scores), 1)
    return metric.badness(standing.centre.value), 0.0 if standing.holds else failed


def _labels(groups: list[list[Pair]]) -> list[str]:
    shared = [_shared([problem for problem, _ in pairs]) for pairs in groups]
    labels = []
    for own in shared:
        alike = [other for other in shared if other["dataset"] == own["dataset"]]
        telling = [
            f"{name} {value}"
            for name, value in own.items()
            if name != "dataset" and any(other.get(name, value) != value for other in alike)
        ]
        labels.append(", ".join([own["dataset"], *telling]))
    often, seen = Counter(labels), Counter[str]()
    for place, label in enumerate(labels):
        if often[label] > 1:
            seen[label] += 1
            labels[place] = f"{label} ({seen[label]})"
    return labels


def _shared(problems: list[Problem]) -> dict[str, Any]:
    """Return what all problems of an experiment have in common, in words."""
    first, *others = [describe(problem.cell) for problem in problems]
    variation = problems[0].cell.variation
    assert variation is not None
    same = {k: v for k, v in first.items() if all(other.get(k) == v for other in others)}
    return {"dataset": variation.dataset, "target": f"{variation.target:g}", **same}
