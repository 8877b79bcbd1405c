"""From a tuning to tuning.html, tuning.md and tuning.csv."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.report.page.document import Document, Paragraph
from bench.report.publishing import publish
from bench.tuning.findings import Result, results_of
from bench.tuning.tune import Tuning

COLUMNS: dict[str, str] = {
    "problem": "dataset label, with what tells it from other problems on the same dataset",
    "method": "label of the method",
    "trial": "its number; 0 is the study's own values",
    "state": "ok, failed, or open: ended by the machine, to be tried again",
    "best": "whether it is the method's best",
    "metric": "name of the primary metric",
    "score": "mean over the tuning seeds of the metric at the last evaluation; empty if one failed",
    "training_seconds": "of all its seeds together",
    "reason": "why there is no score",
}
"""The columns of tuning.csv that every trial has, a row each. After them come the score of each
tuning seed, as ``seed_1000``, and the value of each parameter that any method searches."""


def write_tuning(tuning: Tuning, results: Path, notes: Sequence[str] = ()) -> Path:
    """Write the report into ``results``/``study.name`` and return the path of tuning.html.

    Files of the study's ordinary report stay as they are.

    Raises:
        BenchError: the folder cannot be written to.
    """
    import pandas as pd

    from bench.report.drawing.style import Style
    from bench.tuning.chart import draw_trials
    from bench.tuning.page import compose

    folder = results / tuning.study.name
    found = results_of(tuning)
    style = Style(sorted({cell.method.label for cell in tuning.study.cells}))

    def make(scratch: Path) -> Document:
        rows = [row for result in found for row in rows_of(result)]
        names = list(COLUMNS) + sorted({n for row in rows for n in row} - set(COLUMNS))
        pd.DataFrame(rows, columns=names).to_csv(scratch / "tuning.csv", index=False)
        with style.drawing():
            figures = [
                draw_trials(result, style, scratch)
                or Paragraph(f"No trial on {result.problem.label} has a score to draw.")
                for result in found
            ]
        return compose(tuning, found, figures, style.colour, folder, notes)

    return publish(folder, "tuning", make)


def rows_of(result: Result) -> list[dict[str, Any]]:
    """Return a row for each trial on one problem."""
    return [
        {
            "problem": result.problem.label,
            "method": method,
            "trial": trial.number,
            "state": trial.state,
            "best": tuned.best is not None and trial.number == tuned.best.number,
            "metric": tuned.search.metric.name,
            "score": trial.score,
            "training_seconds": trial.seconds,
            "reason": trial.reason,
            **{f"seed_{seed}": score for seed, score in trial.scores.items()},
            **trial.values,
        }
        for method, tuned in result.tuned.items()
        for trial in tuned.trials
    ]
