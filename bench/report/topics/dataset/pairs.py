"""What a sequential study has decided: a sentence, and a table of all pairs."""

from __future__ import annotations

from bench.report.analysis.deciding import Decided
from bench.report.analysis.findings import Findings
from bench.report.analysis.problems import Problem
from bench.report.analysis.ranking import Standing
from bench.report.drawing.sheets import MOST
from bench.report.page import numbers
from bench.report.page.document import EMPTY, Block, Entry, Paragraph, Table
from bench.report.statistics import probability_of_improvement
from bench.report.statistics.sequential import Result
from bench.words import count, listing

WORDS = {"ahead": "better", "behind": "worse"}
MOST_OPEN = 4
"""Open pairs that are named in a sentence."""
MOST_ROWS = 45
"""Pairs, those of ten methods, beyond which a table of all of them is no help."""


def pairs_that_differ(decided: Decided) -> str:
    """Return the sentence on a study of fixed seeds: how many pairs differ."""
    results, error = decided.results, decided.asked.error
    if len(results) < 2 or not any(each.look for each in results):
        return ""
    counts = {kind: sum(r.outcome == kind for r in results) for kind in ("equal", "open")}
    told = len(results) - sum(counts.values())
    said = [f"{told} of {len(results)} pairs of methods differ (Holm at {error:g} over all "
            "pairs)"]  # fmt: skip
    if counts["equal"]:
        margin = numbers.of(decided.problem.primary, decided.asked.margin)
        said.append(f"{counts['equal']} {_are(counts['equal'])} equal within ±{margin}")
    if counts["open"]:
        names = [f"{r.first} – {r.second}" for r in results if r.outcome == "open"]
        named = f": {', '.join(names)}" if len(names) <= MOST_OPEN else ""
        said.append(f"{counts['open']} {_are(counts['open'])} open{named}")
    return f"{'; '.join(said)}."


def _are(number: int) -> str:
    return "is" if number == 1 else "are"


def pairs(found: Findings, problem: Problem, _: list[Standing]) -> list[Block]:
    """Return every pair of a study of fixed seeds, after how many differ."""
    if found.study.deciding is not None:
        return []
    decided = found.decided[problem.label]
    told = pairs_that_differ(decided)
    if not told:
        return []
    if len(decided.results) > MOST_ROWS:
        return [Paragraph(told)]
    caption = f"Every pair on {decided.problem.label} by {decided.problem.primary.label}."
    return [Paragraph(told), _table(decided, caption)]


def improvement(_: Findings, problem: Problem, ranked: list[Standing]) -> list[Block]:
    """Return the probability that a seed of each method beats one of each other method."""
    known = [s for s in ranked if s.scores]
    if not 2 < len(known) <= MOST:
        return []
    better = problem.primary.higher_is_better
    rows = []
    for one in known:
        row = [Entry(one.method, method=one.method)]
        for other in known:
            runs = [list(each.scores.values()) for each in (one, other)]
            # only the share is shown, which needs no resamples
            found = probability_of_improvement(runs[0], runs[1], better, resamples=2)
            if one is other or found is None:
                row.append(EMPTY)
            else:
                row.append(Entry(f"{100 * found.value:.0f}", value=found.value))
        rows.append(row)
    return [
        Table(
            f"improvement-{problem.anchor}",
            f"Probability in percent that a random seed of the row's method beats one of the "
            f"column's by {problem.primary.label} on {problem.label}; ties count half.",
            ["method", *(s.method for s in known)],
            rows,
            shaded=True,
        )
    ]


def decisions(found: Findings, problem: Problem, _: list[Standing]) -> list[Block]:
    """Return what a sequential study asked, the answer, and how every pair was decided."""
    if found.study.deciding is None:
        return []
    decided = found.decided[problem.label]
    if not decided.results:
        return [Paragraph(f"{question(decided)} There is nothing to compare.")]
    sentences = [question(decided), answer(decided), CAVEAT]
    told = (
        f"Every pair of methods on {problem.label} by {problem.primary.label}, compared after each "
        "batch of seeds; open pairs as last compared."
    )
    return [Paragraph(" ".join(sentences)), _table(decided, told)]


def _table(decided: Decided, told: str) -> Table:
    problem, equal = decided.problem, ""
    if decided.asked.margin is not None:
        margin = numbers.of(problem.primary, decided.asked.margin)
        equal = f" Equal: the interval lies within ±{margin}."
    return Table(
        f"pairs-{problem.anchor}",
        f"{told} Intervals are at the confidence that matches the level of p.{equal}",
        ["method", "against", "outcome", "batch", "seeds", "difference", "p", "level"],
        [_row(decided, each) for each in decided.results],
        names=0,
        texts=(1, 2),
        hidden=(7,),
    )


CAVEAT = (
    "Elsewhere the report takes the number of seeds as fixed beforehand; where p values there "
    "disagree with this table, the table holds."
)


def question(decided: Decided) -> str:
    """Return the sentence on what was asked, at which error, after which seeds."""
    asked = decided.asked
    looks = ", ".join(map(str, asked.looks[:-1]))
    after = f"after {looks} and {asked.looks[-1]}" if looks else f"after {asked.looks[-1]}"
    return f"Asked: {_goal(decided)}, with a family-wise error of {asked.error:g}, {after} seeds."


def answer(decided: Decided) -> str:
    """Return the sentence on whether that is decided, and how."""
    pairs, primary = decided.replayed.needed, decided.problem.primary
    if decided.problem.copies:
        return "Seeds repeat the same numbers here, so that more of them decide nothing."
    if pairs:
        told = f"Not decided: {count(len(pairs), 'pair')} still needed"
        if decided.at_most:
            return f"{told} and open after {decided.seeds} seeds, the most that were allowed."
        return f"{told}, after {count(decided.seeds, 'seed')}."
    told = f"Decided after {count(decided.seeds, 'seed')}"
    if decided.asked.decide != "best":
        return f"{told}: {_counted(decided)}."
    best = decided.unbeaten
    if not best:
        return f"{told}: every method is worse than another, which is a contradiction."
    if len(best) == 1:
        return f"{told}: {best[0]} is the best: no other beats it, and each is beaten."
    margin = numbers.of(primary, decided.asked.margin)
    return f"{told}: {listing(best)} are the best, and equal within ±{margin}."


def progress(decided: Decided) -> str:
    """Return one line for the console: what is decided, what goes on."""
    needed = decided.replayed.needed
    if not decided.results:
        return f"{decided.problem.label}: nothing to compare."
    told = f"{decided.problem.label}: {_counted(decided)}. {answer(decided)}"
    if not needed or decided.at_most or decided.problem.copies:
        return told
    goes_on = sorted({m for pair in needed for m in pair if decided.ready[m] < _next(decided, m)})
    return f"{told} More seeds: {', '.join(goes_on)}." if goes_on else told


def _next(decided: Decided, method: str) -> int:
    return decided.replayed.seeds.get(method, 0)


def _goal(decided: Decided) -> str:
    asked = decided.asked
    if asked.decide == "best":
        return "the best method"
    if asked.decide == "baseline":
        return f"every method against {asked.baseline}"
    return f"{numbers.share(asked.decide)} of the pairs"


def _counted(decided: Decided) -> str:
    equal = sum(each.outcome == "equal" for each in decided.settled)
    told = f"{len(decided.settled)} of {count(len(decided.results), 'pair')} decided"
    return f"{told}, {equal} of them equal within the margin" if equal else told


def _row(decided: Decided, each: Result) -> list[Entry]:
    primary = decided.problem.primary
    words = {**WORDS, "equal": f"equal within ±{numbers.of(primary, decided.asked.margin)}"}
    outcome = words.get(each.outcome, "open")
    if each.look == 0:
        outcome = "open, not compared yet"
    elif each.outcome == "open" and (each.first, each.second) not in decided.replayed.needed:
        outcome = "open, no longer needed"
    compared = each.difference
    return [
        Entry(each.first, method=each.first),
        Entry(each.second, method=each.second),
        Entry(outcome, "quiet" if each.outcome == "open" else ""),
        Entry(str(each.look or numbers.NOTHING), value=each.look),
        Entry(str(each.seeds or numbers.NOTHING), value=each.seeds),
        Entry(
            numbers.difference(primary, compared),
            value=None if compared is None else compared.value,
        ),
        Entry(numbers.p_value(each.p), value=each.p),
        Entry(numbers.NOTHING if each.level is None else f"{each.level:.2g}", value=each.level),
    ]
