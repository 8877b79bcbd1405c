"""What going on from a savepoint costs: the draws that are made again, and what writing one takes.

Usage: python -m tests.baselines.going_on

CPU seconds of this process, as a part of those of the training itself: 3,000 updates of five seeds
on ring8 and digits8 (played plainly: compiled rounds are quicker, and the part larger by as much),
60 updates of one seed of a DCGAN on mnist5k.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch

from bench.registry import make_architecture, make_dataset, make_method
from bench.training.block import Training
from bench.training.configuration import TrainingConfiguration
from bench.training.engines import Engine
from bench.training.loop import _Run, train
from bench.training.savepoints import Savepoints

CPU = torch.device("cpu")
CASES = {
    "ring8": ("mlp", {"generator_widths": [32] * 3, "discriminator_widths": [32] * 3}, 3000),
    "digits8": ("mlp", {"generator_widths": [64] * 3, "discriminator_widths": [64] * 3}, 3000),
    "mnist5k": (
        "dcgan",
        {"generator_widths": [32, 16, 8], "discriminator_widths": [8, 16, 32]},
        60,
    ),
}


def seconds(call: Callable[[], object]) -> float:
    begun = time.process_time()
    call()
    return time.process_time() - begun


def main() -> None:
    torch.set_num_threads(1)
    print("| data | training | draws again | part | one savepoint |")
    print("|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for name, (architecture, widths, updates) in CASES.items():
            data = make_dataset(name)
            data.prepare(Path(folder), CPU)
            what = Training(
                make_method("non_saturating"), data, make_architecture(architecture, widths),
                TrainingConfiguration(), updates, evaluations=1,
            )  # fmt: skip
            seeds = list(range(what.width))
            whole = seconds(lambda: train(what, seeds, CPU))  # noqa: B023
            run = _Run(what, seeds, CPU, lambda _: None, Engine(), lambda *_: None)
            again = seconds(lambda: run._skip(updates))  # noqa: B023
            savepoints = Savepoints(Path(folder) / name)
            saved = seconds(lambda: savepoints.write(0, run._saved("here")))  # noqa: B023
            print(
                f"| {name}, {architecture} | {whole:.1f} s | {again:.2f} s | {again / whole:.1%} "
                f"| {1000 * saved:.0f} ms |"
            )


if __name__ == "__main__":
    main()
