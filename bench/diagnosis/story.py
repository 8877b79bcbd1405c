"""What became of one run, in a paragraph."""

from __future__ import annotations

from bench.diagnosis import RULES, UNCLEAR, Diagnosis, Finding, Run, diagnose
from bench.diagnosis.run import shown
from bench.records.record import Record
from bench.words import program


def story(record: Record) -> str:
    """Tell when a run stopped improving, what fired first, and what was not looked at.

    Raises:
        BenchError: as :func:`bench.diagnosis.diagnose`.
    """
    run = Run.of(record)
    found = diagnose(record, run)
    parts = [_verdict(found), _progress(run), _first(found), *_others(found), _lacking(found)]
    return " ".join(part for part in parts if part)


def _verdict(found: Diagnosis) -> str:
    if found.kind == UNCLEAR:
        return f"Unclear: {found.evidence}."
    meaning = next(rule.meaning for rule in RULES if rule.kind == found.kind)
    extent = f", with {found.extent}" if found.extent else ""
    return f"{_begun(found.kind.capitalize(), found, ' since')}{extent}. {meaning}"


def _begun(head: str, found: Finding, word: str, after: str = "") -> str:
    """Add since when it holds, where it has a beginning."""
    return head if found.since is None else f"{head}{word} update {found.since:,}{after}"


def _progress(run: Run) -> str:
    """How the metric that ranks went."""
    best, values, label = run.best, run.at(run.quantity.name), run.quantity.label
    if best is None or values.size < 2:
        return f"{label} was not measured along the training."
    goal = "" if run.goal is None else f" ({run.goal_is}: {shown(run.goal)})"
    start, end = (
        f"{shown(values[0])} at the start",
        f"{shown(values[-1])} at update {run.updates[-1]:,}",
    )
    if best == 0:
        return f"{label} was never better than {start}, and is {end}{goal}."
    if best == values.size - 1:
        return f"{label} went from {start} to its best, {end}{goal}."
    peak = f"{shown(values[best])} at update {run.updates[best]:,}"
    after = "and stayed there" if values[-1] == values[best] else f"and is {end}"
    return f"{label} went from {start} to {peak}, its best, {after}{goal}."


def _first(found: Diagnosis) -> str:
    first = found.first
    if first is None:
        return "" if found.kind == UNCLEAR else _sentence("Evidence", found.evidence)
    told = f"First to be seen, from update {first.since:,} on"
    return _sentence(told if first.kind == found.kind else f"{told}, {first.kind}", first.evidence)


def _others(found: Diagnosis) -> list[str]:
    """Everything else that fired, by time."""
    first = found.first
    rest = [each for each in found.also if each != first]
    told = [
        _sentence(_begun(f"Also {each.kind}", each, ", from", " on"), each.evidence)
        for each in sorted(rest, key=lambda each: (each.since is None, each.since))
    ]
    if first is not None and first.kind != found.kind and found.since is not None:
        told.insert(0, _sentence(f"From update {found.since:,} on", found.evidence))
    return told


def _lacking(found: Diagnosis) -> str:
    if not found.lacking or found.kind == "healthy":
        return ""
    names = ", ".join(dict.fromkeys(name for needs in found.lacking.values() for name in needs))
    kinds = ", ".join(found.lacking)
    told = f"Not looked for: {kinds}, which need {names}"
    return f"{told} ({program()} measure STUDY --metrics anatomy)."


def _sentence(head: str, evidence: str) -> str:
    return f"{head}: {evidence}."
