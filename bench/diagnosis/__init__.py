"""How a training ended, and why: a judgement over stored numbers of a run (docs/diagnosis.md)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.diagnosis.rules import RULES, Extent
from bench.diagnosis.run import Run
from bench.records.record import Record

UNCLEAR = "unclear"
KINDS = (*(rule.kind for rule in RULES), UNCLEAR)
"""Every diagnosis, in the order in which they are tried."""


@dataclass(frozen=True)
class Finding:
    """A rule that has fired: which, since which discriminator update, and on what evidence."""

    kind: str
    since: int | None
    """Discriminator updates; None where it has no beginning, and where a run is unclear."""
    evidence: str
    extent: Extent | None = None
    """How much a collapsed run holds."""


@dataclass(frozen=True)
class Diagnosis(Finding):
    """What a run suffers from, by the first rule that has fired."""

    also: tuple[Finding, ...] = ()
    """Every other rule that has fired, in the order of the rules."""
    lacking: dict[str, tuple[str, ...]] | None = None
    """Measures that were not taken, by the kind that cannot be found without."""

    @property
    def first(self) -> Finding | None:
        """What fired first of all that names a fault."""
        dated = [(each.since, each) for each in (self, *self.also) if each.since is not None]
        faults = [each for each in dated if each[1].kind != "healthy"]
        return min(faults, key=lambda each: each[0], default=(None, None))[1]


def diagnose(record: Record, run: Run | None = None) -> Diagnosis:
    """Judge a run by what is stored of it.

    Raises:
        BenchError: its dataset or metrics are gone, or its series are damaged.
    """
    run = run or Run.of(record)
    if record.status not in ("ok", "diverged"):
        return Diagnosis(UNCLEAR, None, f"the run did not finish: {record.reason or record.status}")
    lacking = {rule.kind: missing for rule in RULES if (missing := rule.lacking(run))}
    # without an update of the generator there is no course to judge
    is_short = not np.size(run.series.get("generator_norm", ()))
    found = [
        Finding(rule.kind, *result)
        for rule in (RULES[:1] if is_short else RULES)
        if rule.kind not in lacking and (result := rule.find(run)) is not None
    ]
    if not found:
        why = "the run is too short" if is_short else "no rule fits"
        if not is_short and run.works[-1:].any():
            why = "the goal is reached at the end, but at too few checkpoints to rule out chance"
        return Diagnosis(UNCLEAR, None, why, lacking=lacking)
    first, *rest = found
    return Diagnosis(first.kind, first.since, first.evidence, first.extent, tuple(rest), lacking)


__all__ = ["KINDS", "RULES", "UNCLEAR", "Diagnosis", "Extent", "Finding", "Run", "diagnose"]
