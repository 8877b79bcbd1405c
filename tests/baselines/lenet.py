"""What the LeNet says of real digits, of noise and of each method: `python -m … RESULTS`.

Every number of docs/metrics.md, "Sanity check of these scores".
"""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd
import torch

from bench.datasets.mnist5k import MNIST5k
from bench.extractors.lenet import LeNet
from bench.metric import Reason, Results
from tests.measured import floor, scores, subject_of


def main(results: Path) -> None:
    torch.set_num_threads(1)
    dataset = MNIST5k()
    subject = subject_of(dataset, results / "cache")
    accuracy = subject.network(LeNet()).describe()["LeNet held_out_accuracy"]
    print(f"held-out accuracy of the LeNet: {accuracy:.3f}")
    show("real digits", floor(subject))
    generator = torch.Generator().manual_seed(0)
    shape = (dataset.evaluation_samples, *dataset.sample_shape)
    for name, samples in (
        ("uniform noise", 2 * torch.rand(shape, generator=generator) - 1),
        ("black", torch.full(shape, -1.0)),
        ("one digit", dataset.real(1).expand(shape)),
        ("real digits, brightness inverted", -dataset.real(shape[0])),
    ):
        show(name, scores(subject, samples))
    runs = pd.read_csv(results / "images" / "runs.csv")
    runs = runs[runs["dataset"] == "mnist5k"]
    for method, own in runs.groupby("method_label"):
        show(str(method), {name: own[name].mean() for name in COLUMNS})


COLUMNS = (
    "lenet_fd", "classes_20", "lenet_kid", "lenet_precision", "lenet_recall", "lenet_density",
    "lenet_coverage",
)  # fmt: skip


def show(name: str, values: Results) -> None:
    told = ["–" if isinstance(v := values[c], Reason) else f"{v:10.3f}" for c in COLUMNS]
    print(f"{name:34}", *told)


if __name__ == "__main__":
    print(" " * 34, *(f"{column.removeprefix('lenet_'):>10}" for column in COLUMNS))
    main(Path(sys.argv[1]))
