"""The page docs/methods.md: from the methods' own files, the tests that state their mathematics,
and the costs that were measured last.

Usage: python -m tests.baselines.methods > docs/methods.md
       python -m tests.baselines.methods --measure    measures the costs anew, in minutes
"""

from __future__ import annotations

import inspect
import re
import sys
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import pytest
import torch

from bench.method import Method
from bench.registry import find
from bench.registry.ranges import settings_told
from tests.baselines import costs

ROOT = Path(__file__).parents[2]
TESTS = ("tests/methods", "tests/test_methods.py", "tests/training/test_dirac.py")
PARTS = ("Paper", "Objective", "Changes")
KINDS = {
    "Losses": (*("non_saturating", "vanilla", "lsgan", "hinge", "wgan_clip", "relativistic"),),
    "Penalties": (
        *("wgan_gp", "wgan_lp", "dragan", "r1", "r2", "r3gan", "zero_centered_gp", "lecam"),
    ),
    "Normalisation and constraint": (
        *("spectral_norm", "orthogonal_regularization", "gradient_clipping"),
    ),
    "Noise and data": ("instance_noise", "diffaugment", "pacgan"),
    "Targets": ("label_smoothing", "two_sided_label_smoothing"),
    "Dynamics": (
        *("ttur", "consensus_optimization", "optimistic_adam", "extragradient", "unrolled"),
    ),
    "Averaging": ("generator_ema",),
}
POSSESSIVES = {
    "papers": "paper's",
    "penaltys": "penalty's",
    "discriminators": "discriminator's",
    "authors": "authors'",
    "members": "member's",
}
"""What a function's name cannot say."""
HEAD = """\
# Methods

The methods that come with the benchmark, by what they change first of the plain non-saturating GAN.
Learning rate, betas and batch size are the study's unless a method says otherwise. Where a study
says `methods: all`, it means the six in bold and every file of your own; the others run where they
are named, as with `make bench METHODS=+hinge,r1`. [adding-a-method.md](adding-a-method.md) has the
hooks.

- **time**: what one discriminator update of the budget costs, the generator's share of it included,
  relative to `non_saturating`, side by side in one thread: the median of {repetitions} ratios of
  its own seconds, with their quartiles. The row of `non_saturating` against itself shows the noise.
  Measured with the quick study's mlp at batch 64 and a population of 5, with * its DCGAN at batch
  32 and one seed, on {machine}. Other machines and networks
  give other ratios.
- **gradients**: gradients taken for one discriminator update of the budget, relative to
  `non_saturating`, which takes two: one of each player. The slope that a penalty looks at is one
  more. A count, the same on every machine.
- **checked**: what the tests state of this method beyond the suite of `bench check`, which every
  method passes; `.venv/bin/python -m pytest -m truth` runs them all.

`.venv/bin/python -m tests.baselines.methods` prints this page from the methods' files, their tests
and [method-costs.csv](../results/reference/method-costs.csv), which `--measure` writes.
"""


@dataclass(frozen=True)
class Truth:
    """A test that states what a method's mathematics says."""

    file: str
    function: str

    @property
    def link(self) -> str:
        words = self.function.removeprefix("test_").replace("_", " ")
        for name in sorted(chain.from_iterable(KINDS.values()), key=len, reverse=True):
            words = re.sub(rf"\b{name.replace('_', ' ')}\b", name, words) if "_" in name else words
        for word, possessive in POSSESSIVES.items():
            words = re.sub(rf"\b{word}\b", possessive, words)
        return f"[{words}](../{self.file})"


def told(kind: type[Method]) -> dict[str, str]:
    """The parts of a method's docstring, each in one line."""
    text = inspect.cleandoc(vars(kind)["__doc__"])
    pieces = re.split(rf"^({'|'.join(PARTS)}): ", text, flags=re.MULTILINE)
    found = dict(zip(pieces[1::2], pieces[2::2], strict=True))
    return {name: " ".join(part.split()) for name, part in found.items()}


def truths() -> dict[str, list[Truth]]:
    """The tests marked ``truth`` by the methods they are about, as pytest collects them."""
    seen = _Collected()
    where = [str(ROOT / test) for test in TESTS]
    quiet = ("--collect-only", "-p", "no:terminal", "-p", "no:cacheprovider", "-m", "truth")
    code = pytest.main([*quiet, *where], plugins=[seen])
    if code:
        raise SystemExit(f"the tests could not be collected: {code!r}")
    found: dict[str, list[Truth]] = {}
    for item in seen.items:
        truth = Truth(item.path.relative_to(ROOT).as_posix(), item.originalname)
        for name in _about(item):
            if truth not in found.setdefault(name, []):
                found[name].append(truth)
    return found


class _Collected:
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self.items = session.items


def _about(item: pytest.Item) -> set[str]:
    named = item.get_closest_marker("truth").args
    if named:
        return set(named)
    values = item.callspec.params.values()
    names = {value.name for value in values if isinstance(value, Method)}
    names |= {value for value in values if isinstance(value, str)}
    return names & set(find("method").parts)


def _marked(setting: str) -> str:
    """A default as code, with the limits behind it."""
    default, bracket, limits = setting.partition(" (")
    return f"`{default}`{bracket}{limits}"


def page() -> str:
    found, checked, cost = find("method").parts, truths(), costs.stored()
    measured = next(iter(cost.values()))
    parts = [HEAD.format(**measured)]
    for title, names in KINDS.items():
        first, second = [], []
        for name in names:
            kind = found[name]
            shown = f"`{name}`" if vars(kind).get("on_request") else f"**`{name}`**"
            words = told(kind)
            hyperparameters = ", ".join(_marked(s) for s in settings_told(kind()).values())
            title_line = (kind.__doc__ or "").strip().partition("\n")[0]
            first.append([shown, title_line, words["Changes"], hyperparameters, *_cost(cost[name])])
            checks = "; ".join(truth.link for truth in checked[name])
            second.append([shown, words["Paper"], words["Objective"], checks])
        parts.append(f"\n## {title}\n\n")
        parts.append(
            _table(
                ["method", "what it is", "changes", "hyperparameters", "time", "gradients"], first
            )
        )
        parts.append("\n" + _table(["method", "paper", "objective", "checked"], second))
    return "".join(parts)


def _cost(row: dict[str, str]) -> tuple[str, str]:
    time, low, high = (f"{float(row[part]):.2f}" for part in ("time", "low", "high"))
    star = "" if row["on"].startswith("ring8") else " *"
    return f"{time}{star} ({low}–{high})", f"{float(row['gradients']):.3g}"


def _table(heads: list[str], rows: list[list[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join(
        "| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines
    )


def main() -> None:
    if sys.argv[1:] == ["--measure"]:
        # as a worker trains; set here, for the whole process keeps it
        torch.set_num_threads(1)
        torch.set_flush_denormal(True)
        kinds = find("method").parts
        costs.write(costs.measure(kinds[name]() for names in KINDS.values() for name in names))
        print(f"written to {costs.FILE.relative_to(ROOT)}")
    else:
        print(page(), end="")


if __name__ == "__main__":
    main()
