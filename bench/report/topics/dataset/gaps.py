"""What was not computed, and why, in words."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

from bench.metric import Quantity
from bench.report.analysis.gaps import earlier, reasons
from bench.report.analysis.problems import Problem
from bench.words import listing


def explained(problem: Problem, metrics: Sequence[Quantity]) -> list[tuple[str, str]]:
    """Return those of ``metrics`` that finished seeds lack, with the reason, told once.

    Items of a list: ("Not computed", "FID and Inception KID: no Inception weights").
    """
    finished = [record for record in problem.records() if record.status == "ok"]
    lines = []
    for where, told in (("", reasons), (" at earlier checkpoints", earlier)):
        lacking: dict[tuple[str, int], list[str]] = defaultdict(list)
        for metric in metrics:
            found = [why for record in finished if (why := told(record).get(metric.name))]
            for why, count in Counter(found).items():
                lacking[why, count].append(metric.label)
        for (why, count), labels in lacking.items():
            of = "" if count == len(finished) else f" for {count} of {len(finished)} finished seeds"
            # "reverse KL, redrawn" is one label
            names = "; ".join(labels) if "," in "".join(labels) else listing(labels)
            lines.append((f"Not computed{where}{of}", f"{names}: {why}"))
    return lines
