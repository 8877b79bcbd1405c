"""Scores samples that anything has made, by the metrics and protocol of studies."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bench.errors import BenchError
from bench.extractors.inception import InceptionV3
from bench.measuring.choice import expanded, named, offered
from bench.measuring.evaluation import Seen, Subject, take
from bench.measuring.reference import Reference
from bench.measuring.sides import read_side
from bench.metric import Facts, Metric, NotMeasured, Quantity, Reason
from bench.records.fingerprint import digest
from bench.records.measurements import joined

OF_SAMPLES = ("samples", "features")


@dataclass(frozen=True)
class Score:
    """One number of one metric, or the reason for its absence."""

    quantity: Quantity
    value: float | None
    why: str = ""


@dataclass(frozen=True)
class Scores:
    """Scores of one set of samples against another."""

    generated: str
    reference: str
    scores: list[Score]
    protocol: dict[str, Any]

    def to_json(self) -> str:
        """Return it as JSON: values by name, reasons for missing ones, and the protocol."""
        whole = {
            "generated": self.generated,
            "reference": self.reference,
            "values": {each.quantity.name: each.value for each in self.scores},
            "not_computed": {each.quantity.name: each.why for each in self.scores if each.why},
            "protocol": self.protocol,
        }
        return json.dumps(whole, indent=1, ensure_ascii=False)


def score(
    generated: str,
    reference: str,
    metrics: list[str],
    cache: Path,
    device: torch.device,
    save_reference: Path | None = None,
) -> Scores:
    """Score one set of samples against another.

    Args:
        generated, reference: a folder of images, a .npy or .npz of points (N, d) or of images as
            bytes (N, H, W), (N, H, W, C) or (N, C, H, W), or a dataset's name; as a reference also
            pytorch-fid's .npz of ``mu`` and ``sigma``. A dataset's name selects its reference
            part, and on the generated side the part held out from it.
        metrics: names; none: every one that applies.
        save_reference: a .npz for the reference's statistics, as pytorch-fid reads it.

    Raises:
        BenchError: a side cannot be read, or both do not fit each other.
    """
    against = read_side(reference, cache, device, generated=False)
    made = read_side(generated, cache, device, generated=True)
    samples = made.real
    if samples is None:
        raise BenchError(f"'{generated}' holds statistics; the generated side must be samples")
    if against.statistics is not None:
        against.shape = made.sample_shape
    elif samples.shape[1:] != against.sample_shape:
        raise BenchError(
            f"'{generated}' holds samples of shape {tuple(samples.shape[1:])}, and '{reference}' "
            f"of {tuple(against.sample_shape)}: resize or convert one of them"
        )
    against.evaluation_samples = len(samples)
    subject = Subject(against, digest([reference, against.content]), cache, device)
    if against.statistics is not None:
        nothing = np.empty((0, len(against.statistics.mean)))
        subject.know(InceptionV3(), Reference(against.statistics, nothing, None))
    seen = Seen(subject, samples)
    chosen = _chosen(metrics, against)
    protocol = joined([made.protocol("generated"), against.protocol()])
    scores: list[Score] = []
    for metric in chosen:
        own, told = _scored(metric, seen, against.statistics is not None)
        scores += own
        protocol = joined([protocol, told])
    if save_reference is not None:
        _save(subject, save_reference)
    return Scores(generated, reference, scores, protocol)


def _chosen(asked: list[str], against: Facts) -> list[Metric]:
    """Return the metrics of samples that a user names, by families too; of no names, all of them.

    Raises:
        BenchError: a name is neither a file, a folder nor a dataset.
    """
    chosen: list[Metric] = []
    for name in asked:
        found = [named(part, against) for part in expanded([name], against)]
        usable = [metric for metric in found if metric.needs in OF_SAMPLES]
        if not usable:
            why = f"needs {found[0].needs}, not samples only" if found else "does not apply"
            raise BenchError(f"metric '{name}' {why}")
        chosen += usable
    return chosen or [metric for metric in offered(against) if metric.needs in OF_SAMPLES]


def _scored(
    metric: Metric, seen: Seen, statistics_only: bool
) -> tuple[list[Score], dict[str, Any]]:
    """Return what a metric measures, and its part of the protocol if that is anything."""
    quantities = metric.quantities(seen.dataset)
    results = take(metric, seen, quantities)
    told: dict[str, Any] = {}
    if any(not isinstance(result, Reason) for result in results.values()):
        extractor = metric.sees
        network = {} if extractor is None else seen.subject.network(extractor).describe()
        told = joined([network, metric.describe(), _few(metric, seen)])
    scores = []
    for quantity in quantities:
        found = results[quantity.name]
        if not isinstance(found, Reason):
            scores.append(Score(quantity, found))
        elif found.kind == "too_few" and statistics_only:
            scores.append(Score(quantity, None, "the reference is statistics without samples"))
        else:
            scores.append(Score(quantity, None, found.text))
    return scores, told


def _few(metric: Metric, seen: Seen) -> dict[str, Any]:
    """Return a caution where a Fréchet distance fits more features than a side has samples."""
    extractor = metric.sees
    if extractor is None or metric.called != extractor.distance[0]:
        return {}
    gaussian = seen.reference(extractor).gaussian
    # statistics do not state how many samples they were fitted to
    sides = {"generated": len(seen.samples), "real": gaussian.count or len(gaussian.mean)}
    few = [f"{n:,} {side}" for side, n in sides.items() if n < len(gaussian.mean)]
    return (
        {}
        if not few
        else {
            "cautions": [
                f"{extractor.distance[1]} fits {len(gaussian.mean):,} features to only "
                f"{' and '.join(few)} samples: it is then far too large, and the more so the fewer "
                "there are"
            ]
        }
    )


def _save(subject: Subject, file: Path) -> None:
    """Write the reference's Inception statistics as pytorch-fid does."""
    try:
        gaussian = subject.reference(InceptionV3()).gaussian
    except NotMeasured as error:
        raise BenchError(f"'{file}' cannot be written: {error}") from error
    try:
        with open(file, "wb") as out:
            np.savez_compressed(out, mu=gaussian.mean, sigma=gaussian.whole_covariance)
    except OSError as error:
        raise BenchError(f"cannot write '{file}' ({error.strerror})") from error
