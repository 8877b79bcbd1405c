"""Samples measured by a dataset's metrics, and trainings whose networks are at hand."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from bench.measuring.choice import metrics_of
from bench.measuring.evaluation import Seen, Subject, as_compared, take
from bench.metric import Metric, Results
from bench.networks import Checkpoint
from bench.records.fingerprint import digest
from bench.report.analysis.findings import Findings
from bench.report.content import compose
from bench.report.page.document import with_figures
from bench.report.page.markdown import render_markdown
from bench.training.checkpoints import Outcome
from bench.training.loop import Training, train

CPU = torch.device("cpu")


def subject_of(dataset: Any, cache: Path, device: torch.device = CPU) -> Subject:
    """A dataset, prepared, and the extractors that look at it."""
    dataset.prepare(cache, device)
    known = [dataset.name, dataset.hyperparameters(), dataset.content()]
    return Subject(dataset, digest(known), cache, device)


def of_samples(dataset: Any, asked: list | None = None) -> list[Metric]:
    """The metrics of a dataset that need samples only."""
    return [m for m in metrics_of(dataset, asked) if m.needs in ("samples", "features")]


def scores(subject: Subject, samples: Tensor, asked: list | None = None) -> Results:
    """Every number of samples, or why there is none."""
    seen, found = Seen(subject, as_compared(samples)), {}
    for metric in of_samples(subject.dataset, asked):
        found |= take(metric, seen, metric.quantities(subject.dataset))
    return found


def floor(subject: Subject, asked: list | None = None) -> Results:
    """What real samples get."""
    return scores(subject, subject.dataset.held_out_samples(), asked)


def with_networks(
    training: Training, seeds: list[int], device: torch.device = CPU, **options: Any
) -> tuple[list[Outcome], dict[int, list[Checkpoint]]]:
    """Outcomes of a training, and every seed's networks at its checkpoints."""
    kept: dict[int, list[Checkpoint]] = {seed: [] for seed in seeds}
    outcomes = train(
        training,
        seeds,
        device,
        keep=lambda seed, checkpoint: kept[seed].append(checkpoint),
        **options,
    )
    return outcomes, kept


def in_words(found: Findings) -> str:
    """Return the whole report as Markdown, without its figures."""
    document = compose(found, dict.fromkeys(found.methods, "#000000"))
    return render_markdown(with_figures(document, lambda *_: None), "on a day")
