"""Times trainings of one checkout, which its path names: ``python probe.py CHECKOUT``.

It uses only what has been the same in all versions since there is one training configuration:
``Training``, ``train`` and engines.
"""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path

WHERE = str(Path(sys.argv[1]).resolve())
# the checkout's own package, not the one this file lies beside
sys.path[:1] = [WHERE]

import time  # noqa: E402

import torch  # noqa: E402

from bench.architectures.dcgan import DCGAN  # noqa: E402
from bench.architectures.mlp import MLP  # noqa: E402
from bench.check.trial import FewDigits  # noqa: E402
from bench.datasets.ring8 import Ring8  # noqa: E402
from bench.registry import make_method  # noqa: E402
from bench.training import loop  # noqa: E402
from bench.training.configuration import TrainingConfiguration  # noqa: E402

CPU = torch.device("cpu")


def points(method: str, updates: int) -> loop.Training:
    """The ring8 of the study ``quick``."""
    pair = MLP(latent=2, generator_widths=(64,) * 3, discriminator_widths=(64,) * 3)
    own = TrainingConfiguration(learning_rate=1e-3, betas=(0.0, 0.99), batch_size=64)
    data = Ring8(evaluation_samples=2)
    return loop.Training(make_method(method), data, pair, own, updates, 1)


def images(method: str, updates: int) -> loop.Training:
    """The mnist5k of the study ``quick``."""
    pair = DCGAN(100, (64, 32, 16), (16, 32, 64), discriminator_batch_norm=False, init="torch")
    own = TrainingConfiguration(learning_rate=1e-3, betas=(0.5, 0.9), batch_size=32)
    data = FewDigits(evaluation_samples=2)
    return loop.Training(make_method(method), data, pair, own, updates, 1)


def whole(training: loop.Training, seeds: list[int], cache: str, silent: bool) -> float:
    """Thread seconds of a training; compiled where ``cache`` names a folder."""
    options = {}
    if cache:
        from bench.records.cell import sources_of
        from bench.training.engines import Compiled

        parts = training.method, training.dataset, training.architecture
        told = *parts, training.configuration, silent, sources_of(*parts)
        options["engine"] = Compiled(Path(cache), repr(told))
    with contextlib.ExitStack() as stack:
        if silent:
            _without_norms(stack)
        begun = time.thread_time()
        outcomes = loop.train(training, seeds, CPU, **options)
        spent = time.thread_time() - begun
    for outcome in outcomes:
        assert outcome.status == "ok", outcome.reason
        assert not cache or outcome.engine == "compiled", outcome.engine_note
    return spent


def _without_norms(stack: contextlib.ExitStack) -> None:
    from unittest.mock import patch

    from bench.training import game

    def none(gradient: torch.Tensor) -> torch.Tensor:
        return gradient.new_zeros(len(gradient))

    stack.enter_context(patch.object(game, "global_norms", none))


def main() -> None:
    """Answer requests from standard input, a line of JSON each.

    An answer is the thread seconds of an update and member: a longer training's less a shorter
    one's, so that start-up, evaluation and loading a compiled round cancel.
    """
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    for line in sys.stdin:
        ask = json.loads(line)
        make = {"points": points, "images": images}[ask["what"]]
        short, long = ask["updates"], 4 * ask["updates"]
        few, many = (
            whole(make(ask["method"], n), ask["seeds"], ask["cache"], ask["silent"])
            for n in (short, long)
        )
        print(json.dumps((many - few) / (long - short) / len(ask["seeds"])), flush=True)


if __name__ == "__main__":
    main()
