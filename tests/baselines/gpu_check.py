"""`make gpu-check`: what only a GPU can show, in one command of under nine minutes.

It needs torch, numpy and scipy, and neither MLflow nor pytest: rounds of every method compiled
and captured against plain ones, the same bits twice and in any company, the CPU's data on the GPU,
microseconds an update, and a small study. A page of results goes to ``--output``.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch

from bench.architectures.dcgan import DCGAN
from bench.architectures.mlp import MLP
from bench.datasets.base import Draw
from bench.datasets.grid25 import Grid25
from bench.datasets.ring8 import Ring8
from bench.metrics.modes import mode_coverage
from bench.registry import find, make_method
from bench.training.checkpoints import Outcome
from bench.training.configuration import TrainingConfiguration
from bench.training.engines import Compiled, Engine
from bench.training.loop import Training, train
from bench.training.streams import Stream, generator
from tests.recipes import changed

LIMIT_S = 8 * 60
QUICK = ("non_saturating", "vanilla", "ttur", "label_smoothing", "wgan_gp", "spectral_norm")


@dataclass(frozen=True)
class RandomImages(Ring8):
    """Uniform noise for images, for what needs images and no data set."""

    size: int = 28

    @property
    def sample_shape(self) -> tuple[int, ...]:
        return (1, self.size, self.size)

    def source(self, generator: torch.Generator, device: torch.device) -> Draw:
        shape = self.sample_shape
        return lambda steps, batch: torch.rand((steps, batch, *shape), generator=generator) * 2 - 1


@dataclass
class Report:
    """Findings, line by line, and what was wrong."""

    begun: float = field(default_factory=time.perf_counter)
    lines: list[str] = field(default_factory=list)
    failed: int = 0
    untried: int = 0

    def say(self, line: str) -> None:
        self.lines.append(line)
        print(line, flush=True)

    def hold(self, what: str, check: Callable[[], str]) -> None:
        """Run a check that returns what it found or raises; none is begun after the limit."""
        if time.perf_counter() - self.begun > LIMIT_S:
            self.untried += 1
            self.say(f"- not tried, the time is over: {what}")
            return
        try:
            self.say(f"- {what}: {check()}")
        except Exception as error:  # whatever is wrong, the other checks are to run
            self.failed += 1
            told = (str(error).splitlines() or [""])[0][:300]
            self.say(f"- FAILED {what}: {type(error).__name__}: {told}")
            traceback.print_exc()


def training(name: str, updates: int = 6, **changes) -> Training:
    method, pair = make_method(name), MLP(2, (64,) * 3, (64,) * 3)
    data = Ring8(evaluation_samples=2500)
    if method.not_applicable(data, pair):
        pair, data = DCGAN(8, (16, 16, 16), (16, 16, 16), discriminator_batch_norm=False), (
            RandomImages(evaluation_samples=64)
        )  # fmt: skip
    recipe = Training(
        method, data, pair, TrainingConfiguration(learning_rate=1e-3, betas=(0.0, 0.99)),
        updates * method.round_length(method.critic_steps), 1,
    )  # fmt: skip
    return changed(recipe, **changes)


def near(plain: Outcome, other: Outcome) -> float:
    """The largest difference of the first rounds' losses and norms, relative to their size."""
    found = [0.0]
    for name, values in plain.series.items():
        gap = np.abs(values - other.series[name]).max() / (np.abs(values).max() + 1e-6)
        found.append(float(gap))
        # see tests/training/test_engines.py: a bias without a slope, and Adam
        assert gap < (0.05 if name == "generator_loss" else 0.01), f"{name} differs by {gap:.2g}"
    return max(found)


def same(one: Outcome, other: Outcome) -> bool:
    return all(np.array_equal(one.series[name], other.series[name]) for name in one.series)


def compiled_against_plain(name: str, device: torch.device, cache: Path) -> str:
    recipe, engine = training(name), Compiled(cache, name)
    plain = train(recipe, [1, 3], device)
    captured = train(recipe, [1, 3], device, engine=engine)
    assert captured[0].engine == "compiled", captured[0].engine_note
    gap = max(near(*pair) for pair in zip(plain, captured, strict=True))
    (alone,) = train(recipe, [3], device, engine=engine)
    assert same(alone, captured[1]), "not the same bits alone and in company"
    seconds = captured[0].timing["compile_seconds"]
    return f"differs by {gap:.1e}; the same bits alone; made in {seconds:.1f} s"


def same_data(device: torch.device) -> str:
    for data in (Ring8(), Grid25(), Ring8(training_points=100)):
        on_cpu, on_gpu = (
            data.source(generator(3, Stream.DATA), place)(4, 8).cpu()
            for place in (torch.device("cpu"), device)
        )
        assert torch.equal(on_cpu, on_gpu), f"{data.name} differs"
    return "equal on both devices"


def microseconds(recipe: Training, device: torch.device, engine: Engine) -> float:
    def seconds(updates: int) -> float:
        begun = time.perf_counter()
        train(replace(recipe, updates=updates), [0], device, engine=engine)
        if device.type == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter() - begun

    seconds(20)
    found = [(seconds(420) - seconds(20)) / 400 for _ in range(3)]
    return 1e6 * statistics.median(found)


def speed(name: str, device: torch.device, cache: Path, **changes) -> str:
    recipe = training(name, **changes)
    plain = microseconds(recipe, device, Engine())
    compiled = microseconds(recipe, device, Compiled(cache, name + repr(changes)))
    return (
        f"{plain:.0f} µs an update of {recipe.width} members plainly, {compiled:.0f} captured "
        f"({plain / compiled:.1f} times)"
    )


def study(name: str, device: torch.device, cache: Path) -> str:
    """The ring8 of the study ``quick``, five seeds."""
    begun = time.perf_counter()
    recipe = replace(training(name), updates=4000)
    outcomes = train(recipe, [0, 1, 2, 3, 4], device, engine=Compiled(cache, name))
    modes = []
    for outcome in outcomes:
        points = outcome.samples[-1].astype(np.float64)
        found = mode_coverage(points, recipe.dataset.centres().double().numpy(), 0.01)
        modes.append(found["modes_20"])
    return f"modes (≥20) of 8 {modes}, {time.perf_counter() - begun:.1f} s"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--output", type=Path, default=Path("results") / "gpu-check.md")
    parser.add_argument("--methods", default="", help="only these, by commas")
    asked = parser.parse_args()
    device, report = torch.device(asked.device), Report()
    if device.type == "cuda":
        if not torch.cuda.is_available():
            print("no GPU can be seen here; make gpu-check needs one")
            return 2
        torch.use_deterministic_algorithms(True, warn_only=True)
        torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
        report.say(
            f"# {torch.cuda.get_device_name()}, torch {torch.__version__}, CUDA "
            f"{torch.version.cuda}, cuDNN {torch.backends.cudnn.version()}"
        )
    else:
        torch.set_num_threads(1)
    names = asked.methods.split(",") if asked.methods else list(find("method").parts)
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        cache = Path(folder)
        report.hold("data", lambda: same_data(device))
        for name in [n for n in QUICK if n in names]:
            report.hold(f"speed of {name}", lambda n=name: speed(n, device, cache))
        report.hold(
            "speed of a DCGAN",
            lambda: speed(
                "non_saturating", device, cache, dataset=RandomImages(evaluation_samples=64),
                architecture=DCGAN(discriminator_batch_norm=False),
            ),
        )  # fmt: skip
        for name in names:
            report.hold(name, lambda n=name: compiled_against_plain(n, device, cache))
        for name in [n for n in QUICK if n in names]:
            report.hold(f"ring8, 4,000 updates of {name}", lambda n=name: study(n, device, cache))
        for text in sorted({str(each.message)[:200] for each in caught}):
            report.say(f"- warning: {text}")
    took = time.perf_counter() - report.begun
    report.say(f"{report.failed} checks failed, {report.untried} were not tried; {took:.0f} s.")
    asked.output.parent.mkdir(parents=True, exist_ok=True)
    asked.output.write_text("\n".join(report.lines) + "\n", encoding="utf-8")
    return 1 if report.failed or report.untried else 0


if __name__ == "__main__":
    raise SystemExit(main())
