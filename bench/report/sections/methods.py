"""A section for each method: what it is, its hyperparameters, and everything it did."""

from __future__ import annotations

from bench.combination import SIGN
from bench.registry import described
from bench.report.analysis.counts import gradient_counts
from bench.report.analysis.findings import Findings
from bench.report.analysis.problems import Problem
from bench.report.analysis.ranking import Standing, score, status_of
from bench.report.page import numbers
from bench.report.page.document import (
    Block,
    Details,
    Entry,
    Items,
    Listing,
    Paragraph,
    Section,
    Table,
)
from bench.report.sections.dataset import centre, difference, mark, seeds
from bench.report.sections.provenance import listed


def methods(found: Findings) -> Section:
    """Every method in the order of the alphabet."""
    parts = [_method(found, number, label) for number, label in enumerate(found.methods)]
    return Section("Methods", "methods", [], parts)


def _method(found: Findings, number: int, label: str) -> Section:
    stands = found.of(label)
    method = next(p.cell.method for problem, _ in stands for p in problem.by_method[label])
    blocks: list[Block] = []
    text = described(method.name, method.hyperparameters)
    if text:
        # the first paragraph is what it is; the rest, with formulas laid out, is kept as written
        first, _, rest = text.partition("\n\n")
        blocks.append(Paragraph(" ".join(first.split())))
        if rest.strip():
            whose = "What its parts say" if SIGN in method.name else "What its file says"
            blocks.append(Details(whose, [Listing(rest.strip("\n"))]))
    else:
        blocks.append(Paragraph("Its file is not here, or says nothing of what it is."))
    blocks.append(Items([("Hyperparameters", listed(method.hyperparameters) or "none")]))
    blocks += [_standings(number, label, stands), _cells(number, label, stands)]
    return Section(label, f"method-{number}", blocks)


def _standings(number: int, label: str, stands: list[tuple[Problem, Standing]]) -> Table:
    rows = []
    for problem, s in stands:
        rank = Entry(numbers.NOTHING) if s.rank is None else Entry(str(s.rank), value=s.rank)
        best = s.to_best.other if s.to_best else ""
        rows.append([
            Entry(problem.label), rank, Entry(problem.primary.label),
            centre(problem, s, mark(s)), difference(problem, s.to_best),
            Entry(best, method=best), seeds(s), Entry(s.told_statuses),
        ])  # fmt: skip
    return Table(
        f"method-{number}",
        f"Where {label} stands: interquartile mean over seeds, and its difference to the "
        f"best method, with the {numbers.INTERVAL}.",
        ["dataset", "rank", "metric", "interquartile mean", "difference", "to", "seeds finished",
         "what became of them"],
        rows,
        texts=(2, 5, 7),
    )  # fmt: skip


def _cells(number: int, label: str, stands: list[tuple[Problem, Standing]]) -> Block:
    rows = []
    for problem, _ in stands:
        primary = problem.primary
        for planned in sorted(problem.by_method[label], key=lambda each: each.cell.seed):
            record, status = planned.record, status_of(planned)
            counts = gradient_counts(record) if record else {}
            updates = record.cost.get("discriminator_updates") if record else None
            value = score(planned, primary)
            known = value if value is not None and abs(value) != float("inf") else None
            seconds = record.data["run"].get("training_seconds") if record else None
            flagged = [
                counts.get(player, {}).get(kind, {}).get("steps")
                for player, kind in (
                    ("discriminator", "explosions"), ("generator", "explosions"),
                    ("generator", "vanishing"),
                )
            ]  # fmt: skip
            rows.append([
                Entry(problem.label),
                Entry(str(planned.cell.seed), value=planned.cell.seed),
                Entry(status.replace("_", " "),
                      "" if status == "ok" else "failed" if record else "quiet"),
                Entry(numbers.of(primary, known), value=known),
                Entry(numbers.plain(updates, 0), value=updates),
                *(Entry(numbers.plain(n, 0), value=n) for n in flagged),
                Entry(numbers.plain(seconds, 1), value=seconds),
                Entry(" ".join((record.reason if record else planned.why).split())
                      if status != "ok" else ""),
                Entry(planned.cell.key[:12]),
            ])  # fmt: skip
    table = Table(
        f"method-{number}-cells",
        f"Every cell of {label}: the metric that ranks at the last evaluation, updates made, "
        "flagged updates, and seconds of training.",
        ["dataset", "seed", "status", "value", "discriminator updates",
         "discriminator explosions", "generator explosions", "generator vanishing",
         "training, seconds", "reason", "key"],
        rows,
        names=0,
        texts=(2, 9, 10),
    )  # fmt: skip
    return Details(f"Every cell of {label}", [table])
