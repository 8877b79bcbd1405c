"""`bench check` names what is wrong with a dataset or an architecture, in plain words."""

import sys
from dataclasses import dataclass, field

import numpy as np
import pytest
import torch
from torch import nn

from bench.architectures.mlp import MLP
from bench.check import SUITES, causes, check_part
from bench.cli import main
from bench.datasets.grid25 import Grid25
from bench.datasets.ring8 import Ring8
from bench.errors import BenchError
from bench.registry import find, kind_of, make_architecture, make_dataset


def problems(part) -> str:
    """But for the hyperparameters: these classes stand in no file that could be asked for them."""
    verdicts = [v for v in check_part(part) if "hyperparameters can be written" not in v.check]
    return " | ".join(cause.problem for cause in causes(verdicts))


class Batches(Ring8):
    """Changes what a mixture draws."""

    def changed(self, batches, generator):
        raise NotImplementedError  # each class below changes something else

    def source(self, generator, device):
        draw = super().source(generator, device)
        return lambda steps, batch: self.changed(draw(steps, batch), generator)


class Doubles(Batches):
    """Double precision."""

    def changed(self, batches, generator):
        return batches.double()


class Flat(Batches):
    """Without the axis of the steps."""

    def changed(self, batches, generator):
        return batches.flatten(0, 1)


class Holes(Batches):
    """A value is missing."""

    def changed(self, batches, generator):
        return batches.masked_fill(batches > 0.9, torch.nan)


class Loose(Batches):
    """Draws from torch's global stream."""

    def changed(self, batches, generator):
        return batches + torch.randn_like(batches)


class Stubborn(Batches):
    """Every seed sees the same."""

    def changed(self, batches, generator):
        return torch.arange(batches.numel()).float().view(batches.shape)


class Bright(Batches):
    """Images of bytes."""

    @property
    def sample_shape(self):
        return (1, 4, 4)

    def changed(self, batches, generator):
        return torch.full((*batches.shape[:2], 1, 4, 4), 255.0)


class ListedShape(Ring8):
    """Its shape is a list."""

    @property
    def sample_shape(self):
        return [2]


class Half(Ring8):
    """Half a sample."""

    def training_size(self):
        return 0.5


class Unmeasured(Ring8):
    """Ranked by what nothing measures."""

    ranked_by = ("modes_2",)


class NewContent(Ring8):
    """Its hash is another at every call."""

    def content(self):
        return str(np.random.default_rng().random())


class Restless(Ring8):
    """Other pictures at every call."""

    def real(self, count):
        return torch.randn(count, 2)


class Restive(Ring8):
    """Other samples to compare with at every call."""

    def reference_samples(self):
        return torch.randn(100, 2)


class Threefold(Ring8):
    """Real samples of another shape."""

    def held_out_samples(self):
        return torch.zeros(100, 3)


@dataclass(frozen=True)
class Held(Ring8):
    """Keeps what no pickle can hold."""

    draw: object = field(default_factory=lambda: lambda: 0)


@pytest.mark.parametrize(
    ("dataset", "told"),
    [
        (Doubles(), "its source gives torch.float64; networks are given torch.float32"),
        (Flat(), "its source gives (24, 2) for 3 batches of 8, not (3, 8, 2)"),
        (Holes(), "samples that are not finite"),
        (Loose(), "two sources with the same seed give other batches"),
        (Stubborn(), "two seeds are given the same batches in the same order"),
        (Bright(), "its images reach from 255 to 255; .+scale to [-1, 1]"),
        (ListedShape(), "sample_shape is [2]; give a tuple"),
        (Half(), "training_size gives 0.5"),
        (Unmeasured(), "ranked_by names 'modes_2', which no metric of it measures; did you mean"),
        (NewContent(), "let it depend on these and on files alone"),
        (Restless(), "real gives other samples at every call"),
        (Restive(), "reference_samples gives other samples at every call"),
        (Threefold(), "held_out_samples gives (100, 3)"),
        (Held(), "it cannot be pickled"),
    ],
    ids=lambda given: type(given).__name__,
)
def test_what_is_wrong_with_a_dataset_is_named(dataset, told):
    said = problems(dataset)
    assert all(piece in said for piece in told.split(".+"))
    assert " | " not in said


class Undecided(MLP):
    """Fits nothing."""

    def does_not_fit(self, dataset, sample_shape):
        return "no"


class Own(MLP):
    """Weights from elsewhere."""

    def generator(self, sample_shape):
        made = super().generator(sample_shape)
        made[0].bias.data.fill_(float(np.random.default_rng().random()))
        return made


class _Idle(nn.Sequential):
    def __init__(self, *layers):
        super().__init__(*layers)
        self.idle = nn.Parameter(torch.ones(3))


class Idle(MLP):
    """A weight without use."""

    def discriminator(self, sample_shape):
        return _Idle(super().discriminator(sample_shape))


class _Peeks(nn.Module):
    def forward(self, inputs):
        return inputs if float(inputs.detach().sum()) < 1e9 else -inputs


class Peeking(MLP):
    """Branches on values."""

    def generator(self, sample_shape):
        return nn.Sequential(super().generator(sample_shape), _Peeks())


class OneColumn(MLP):
    """A column of logits."""

    def discriminator(self, sample_shape):
        return super().discriminator(sample_shape)[:-1]


@pytest.mark.parametrize(
    ("architecture", "told"),
    [
        (MLP(latent=0), "latent is 0; give a whole number above 0"),
        (Undecided(), "does_not_fit gives a reason for points and for images"),
        (Own(), "its generator has other weights when built twice from one seed"),
        (Idle(), "the gradient does not reach 'idle' of its discriminator"),
        (Peeking(), "its generator cannot be called through torch.vmap"),
        (OneColumn(), "its discriminator turns a batch of shape (32, 2) into (32, 1), but (32,)"),
    ],
    ids=lambda given: type(given).__name__,
)
def test_what_is_wrong_with_an_architecture_is_named(architecture, told):
    said = problems(architecture)
    assert told in said
    assert " | " not in said


@pytest.mark.parametrize("check", SUITES["architecture"].checks, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", find("architecture").parts)
def test_shipped_architectures_pass(name, check):
    check(make_architecture(name))


@pytest.mark.parametrize("check", SUITES["dataset"].checks, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", ["dirac", "ring8", "grid25", "digits8"])
def test_shipped_datasets_that_need_no_download_pass(name, check):
    check(make_dataset(name))


def test_a_fixed_training_set_passes():
    assert not problems(Grid25(training_points=50))


def test_a_part_knows_its_kind():
    assert kind_of(Ring8()) == "dataset"
    assert kind_of(MLP()) == "architecture"
    with pytest.raises(BenchError, match="int is none of: method, dataset, architecture"):
        kind_of(3)


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("dirac", "several parts are called 'dirac'; say which: dataset:dirac or architecture:"),
        ("rng8", "no part is called 'rng8'; did you mean 'ring8'?"),
        ("method:ring8", "unknown method 'ring8'"),
        ("points:/no/such.npy", "there is no such file"),
    ],
)
def test_what_cannot_be_checked_is_told(monkeypatch, capsys, typed, told):
    monkeypatch.setattr(sys, "argv", ["bench", "check", typed])
    with pytest.raises(SystemExit):
        main()
    said = capsys.readouterr()
    assert told in said.out + said.err


def test_parts_of_several_kinds_are_checked_together(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["bench", "check", "ring8", "dataset:dirac", "mlp"])
    with pytest.raises(SystemExit, match="0"):
        main()
    assert "3 parts pass." in capsys.readouterr().out
