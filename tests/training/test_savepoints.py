"""Training that goes on from a savepoint ends as one that was never stopped, bit for bit."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from bench.datasets.base import Dataset, epochs
from bench.registry import make_architecture, make_dataset, make_method
from bench.training.block import Training
from bench.training.configuration import TrainingConfiguration
from bench.training.engines import Traced
from bench.training.loop import train
from bench.training.savepoints import KEPT, Savepoints, Stopped, folder_of, forget, resumable

CPU = torch.device("cpu")
UPDATES = 150


def training(method="vanilla", data=None, architecture=None, **own) -> Training:
    settings = {"learning_rate": 0.01, "betas": (0.5, 0.9), "batch_size": 8, **own}
    widths = {"generator_widths": [8], "discriminator_widths": [8]}
    pair = architecture or make_architecture("mlp", widths)
    return Training(
        make_method(method), data or make_dataset("ring8"), pair,
        TrainingConfiguration(**settings), UPDATES, evaluations=3,
    )  # fmt: skip


@dataclass(frozen=True)
class Images(Dataset):
    name = "images"
    kept_samples = 20
    sample_shape = (1, 28, 28)

    def source(self, generator, device):
        order = epochs(generator, 30)
        shade = torch.linspace(-1, 1, 30)
        return lambda steps, batch: (
            shade[order(steps * batch)]
            .view(steps, batch, 1, 1, 1)
            .expand(-1, -1, *self.sample_shape)
        )


class After:
    """Asks to stop at the given look, and never again."""

    def __init__(self, looks: int):
        self.left = looks

    def __call__(self) -> bool:
        self.left -= 1
        return self.left == 0


def stopped(what: Training, folder, rounds: int, engine=None, seeds=(0, 1)) -> None:
    savepoints = Savepoints(folder, stopping=After(rounds + 1), where="here")
    with pytest.raises(Stopped):
        train(what, list(seeds), CPU, None, engine, savepoints.keep, savepoints)


def resumed(what: Training, folder, engine=None, seeds=(0, 1)):
    savepoints = Savepoints(folder)
    return train(what, list(seeds), CPU, None, engine, savepoints.keep, savepoints), savepoints


def assert_same(found, expected) -> None:
    for one, other in zip(found, expected, strict=True):
        assert (one.status, one.reason, one.cost) == (other.status, other.reason, other.cost)
        assert one.checkpoints == other.checkpoints
        assert one.series.keys() == other.series.keys()
        for name, values in other.series.items():
            np.testing.assert_array_equal(one.series[name], values)
        for iterate, shown in other.pictures.items():
            np.testing.assert_array_equal(one.pictures[iterate].samples, shown.samples)


def networks(folder, seed=0):
    files = sorted((folder / str(seed) / "networks").iterdir())
    return {file.name: file.read_bytes() for file in files}


@pytest.mark.parametrize(
    ("method", "own"),
    [
        ("vanilla", {}),
        ("wgan_gp", {}),
        ("spectral_norm", {"decay": "linear"}),
        ("instance_noise", {"optimizer": "rmsprop"}),
        ("lecam", {"simultaneous": True}),
    ],
)
def test_a_training_goes_on_where_it_was_stopped(tmp_path, method, own):
    what = training(method, **own)
    whole, _ = resumed(what, tmp_path / "whole")
    rounds = max(1, len(whole[0].series["generator_norm"]) // 3)
    stopped(what, tmp_path / "parts", rounds)
    stopped(what, tmp_path / "parts", rounds)
    found, _ = resumed(what, tmp_path / "parts")
    assert_same(found, whole)
    assert len(found[0].resumed) == 2
    assert {each["where"] for each in found[0].resumed} == {"here"}
    assert networks(tmp_path / "parts") == networks(tmp_path / "whole")


@pytest.mark.parametrize("rounds", [1, 49, 50, 51, 63, 64, 65, 149])
def test_wherever_it_was_stopped(tmp_path, rounds):
    what = training()
    stopped(what, tmp_path / "parts", rounds)
    assert_same(resumed(what, tmp_path / "parts")[0], resumed(what, tmp_path / "whole")[0])


def test_batch_normalisation_images_and_a_traced_round(tmp_path):
    widths = {"generator_widths": [4, 3, 2], "discriminator_widths": [2, 3, 4]}
    pair = make_architecture("dcgan", {**widths, "latent": 4, "discriminator_batch_norm": True})
    what = replace(training(data=Images(), architecture=pair), updates=12)
    stopped(what, tmp_path / "parts", 5, Traced(), seeds=[3])
    found, _ = resumed(what, tmp_path / "parts", Traced(), seeds=[3])
    whole, _ = resumed(what, tmp_path / "whole", Traced(), seeds=[3])
    assert found[0].engine == "traced"
    assert_same(found, whole)


def test_a_member_that_diverged_before_stays_so(tmp_path):
    what = training(learning_rate=1e12, optimizer="sgd")
    whole, _ = resumed(what, tmp_path / "whole")
    assert whole[0].status == "diverged"
    stopped(what, tmp_path / "parts", 3)
    assert_same(resumed(what, tmp_path / "parts")[0], whole)


def test_fewer_seeds_go_on_and_others_begin_anew(tmp_path):
    what = training()
    stopped(what, tmp_path, 60)
    whole, _ = resumed(what, tmp_path / "whole")
    found, _ = resumed(what, tmp_path, seeds=[1])
    assert found[0].resumed
    assert_same(found, whole[1:])
    stopped(what, tmp_path / "others", 60, seeds=[1])
    found, savepoints = resumed(what, tmp_path / "others")
    assert not found[0].resumed
    assert "other seeds" in savepoints.set_aside[0]
    assert_same(found, whole)


@pytest.mark.parametrize("damage", ["cut", "changed", "empty", "network"])
def test_a_damaged_savepoint_is_passed_over_for_the_one_before(tmp_path, damage):
    what, folder = training(), tmp_path / "parts"
    for rounds in (70, 30, 20):
        stopped(what, folder, rounds)
    files = sorted(folder.glob("*.safetensors"))
    assert [int(file.name[:10]) for file in files] == [100, 120]
    assert len(files) == KEPT
    content = bytearray(files[1].read_bytes())
    if damage == "network":
        (folder / "0" / "networks" / "00000100.safetensors").write_bytes(b"torn")
    elif damage == "changed":
        content[len(content) // 2] ^= 1
        files[1].write_bytes(content)
    else:
        files[1].write_bytes(content[: len(content) // 2 if damage == "cut" else 0])
    found, savepoints = resumed(what, folder)
    assert_same(found, resumed(what, tmp_path / "whole")[0])
    assert "passed over" in savepoints.set_aside[0]
    assert [each["update"] for each in found[0].resumed] == (
        [] if damage == "network" else [70, 100]
    )


def test_truncated_at_every_64th_byte_nothing_goes_wrong(tmp_path):
    what = training()
    stopped(what, tmp_path, 10)
    (file,) = tmp_path.glob("*.safetensors")
    content = file.read_bytes()
    for length in range(0, len(content), 64):
        file.write_bytes(content[:length])
        savepoints = Savepoints(tmp_path)
        with pytest.raises(ValueError, match="not as it was written"):
            savepoints._read(file)


def test_what_can_go_on_is_told_and_forgotten(tmp_path):
    what = training()
    folder = folder_of(tmp_path, "abc", 5, 0)
    stopped(what, folder, 60)
    assert resumable(tmp_path) == {("abc", 0): 60, ("abc", 1): 60}
    forget(tmp_path, "abc", 0)
    assert resumable(tmp_path) == {("abc", 1): 60}
    forget(tmp_path, "abc", 1)
    assert not folder.exists()


def test_savepoints_come_at_intervals(tmp_path):
    what = training()
    savepoints = Savepoints(tmp_path, every=1e-9)
    train(what, [0], CPU, keep=savepoints.keep, savepoints=savepoints)
    kept = sorted(int(file.name[:10]) for file in tmp_path.glob("*.safetensors"))
    assert kept[-1] > UPDATES // 2
    assert len(kept) == KEPT
