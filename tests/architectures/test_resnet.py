"""SNGAN's residual networks: their size, their first weights, and training with every method."""

import math
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import avg_pool2d, interpolate, relu

from bench.architectures.resnet import ResNet
from bench.datasets.base import Dataset
from bench.registry import find, make_method
from bench.training.configuration import TrainingConfiguration
from bench.training.engines import Engine
from bench.training.loop import Training, _Run, train

CPU = torch.device("cpu")
SHAPE = (3, 32, 32)
SMALL = ResNet(latent=8, generator_width=16, discriminator_width=16)


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def convolution(inputs: int, outputs: int, kernel: int) -> int:
    return inputs * outputs * kernel**2 + outputs


def test_the_generator_has_the_published_number_of_parameters():
    dense = 128 * 4 * 4 * 256 + 4 * 4 * 256
    batch_norm = 2 * 256
    block = 2 * batch_norm + 2 * convolution(256, 256, 3) + convolution(256, 256, 1)
    last = convolution(256, 3, 3)
    assert (dense, batch_norm, block, last) == (528_384, 512, 1_246_976, 6_915)
    assert dense + 3 * block + batch_norm + last == 4_276_739
    assert count(ResNet().generator(SHAPE)) == 4_276_739


def test_the_discriminator_has_the_published_number_of_parameters():
    first = convolution(3, 128, 3) + convolution(128, 128, 3) + convolution(3, 128, 1)
    down = 2 * convolution(128, 128, 3) + convolution(128, 128, 1)
    level = 2 * convolution(128, 128, 3)
    dense = 128 + 1
    assert (first, down, level, dense) == (151_680, 311_680, 295_168, 129)
    assert first + down + 2 * level + dense == 1_053_825
    assert count(ResNet().discriminator(SHAPE)) == 1_053_825


def test_blocks_compute_what_the_authors_code_computes():
    """The blocks in the authors' order: up-sample, then convolve a shortcut; pool after it."""
    torch.manual_seed(0)
    generator, discriminator = SMALL.generator(SHAPE), SMALL.discriminator(SHAPE)
    up, (first, down, level) = generator[2], discriminator[:3]

    inputs = torch.randn(5, 16, 4, 4)
    norm, _, _, before, other_norm, _, after = up.residual
    hidden = before(interpolate(relu(norm(inputs)), scale_factor=2))
    expected = after(relu(other_norm(hidden))) + up.shortcut[0](interpolate(inputs, scale_factor=2))
    torch.testing.assert_close(up(inputs), expected)

    images = torch.randn(5, *SHAPE)
    before, after, shortcut = (part for part in first.modules() if isinstance(part, nn.Conv2d))
    expected = avg_pool2d(after(relu(before(images))), 2) + shortcut(avg_pool2d(images, 2))
    torch.testing.assert_close(first(images), expected)

    inputs = torch.randn(5, 16, 8, 8)
    before, after, shortcut = (part for part in down.modules() if isinstance(part, nn.Conv2d))
    expected = after(relu(before(relu(inputs)))) + shortcut(inputs)
    torch.testing.assert_close(down(inputs), avg_pool2d(expected, 2))

    before, after = (part for part in level.modules() if isinstance(part, nn.Conv2d))
    torch.testing.assert_close(level(inputs), inputs + after(relu(before(relu(inputs)))))

    logits = discriminator[-2](relu(discriminator[:4](images)).sum((2, 3)))[:, 0]
    torch.testing.assert_close(discriminator(images), logits)


def test_first_weights_are_glorot_with_the_gain_of_their_branch():
    torch.manual_seed(0)
    for network in (ResNet().generator(SHAPE), ResNet().discriminator(SHAPE)):
        seen = 0
        for name, part in network.named_modules():
            if not isinstance(part, nn.Conv2d | nn.Linear):
                continue
            gain = math.sqrt(2) if ".residual." in f".{name}." else 1
            outputs, inputs = part.weight.shape[:2]
            fans = (inputs + outputs) * math.prod(part.weight.shape[2:])
            bound = gain * math.sqrt(6 / fans)
            values = part.weight.detach()
            # five standard errors of mean and standard deviation of as many uniform draws
            error = 5 * bound / math.sqrt(3 * values.numel())
            assert float(values.abs().max()) <= bound
            assert float(values.mean()) == pytest.approx(0, abs=error)
            assert float(values.std()) == pytest.approx(bound / math.sqrt(3), abs=error)
            assert not part.bias.any()
            seen += 1
        assert seen == 11


@pytest.mark.parametrize("shape", [(2,), (1, 28, 28), (3, 64, 64), (3, 32, 64)])
def test_other_samples_do_not_fit(shape):
    assert "32 × 32" in ResNet().does_not_fit("any", shape)
    for channels in (1, 3):
        assert ResNet().does_not_fit("any", (channels, 32, 32)) is None


@dataclass(frozen=True)
class RandomImages(Dataset):
    """Images without a picture."""

    name: ClassVar[str] = "random"
    sample_shape: ClassVar[tuple[int, ...]] = SHAPE
    kept_samples: ClassVar[int] = 8

    evaluation_samples: int = 8

    def source(self, generator, device):
        def draw(steps, batch):
            return torch.rand((steps, batch, *SHAPE), generator=generator) * 2 - 1

        return draw


# the gradients are large, and the consensus is about the gradient of their square
GENTLER = {"consensus_optimization": {"gamma": 1e-6}}


@pytest.mark.parametrize("name", find("method").parts)
def test_every_method_trains_it(name):
    method = make_method(name, GENTLER.get(name))
    training = Training(
        method=method,
        dataset=RandomImages(),
        architecture=SMALL,
        # sums over all positions make large gradients
        configuration=TrainingConfiguration(optimizer="sgd", learning_rate=1e-5, batch_size=4),
        updates=2 * method.critic_steps,
        evaluations=1,
    )
    assert method.not_applicable(training.dataset, SMALL) is None
    outcomes = train(training, [3, 4], CPU)
    for outcome in outcomes:
        assert outcome.status == "ok"
        assert outcome.cost["generator_updates"] == 2
        for values in (*outcome.series.values(), *outcome.samples):
            assert np.isfinite(values).all()
    first, second = outcomes
    assert not np.array_equal(first.samples[-1], second.samples[-1])


def test_both_players_learn_with_adam():
    training = Training(
        make_method("non_saturating"),
        RandomImages(),
        SMALL,
        TrainingConfiguration(batch_size=4),
        2,
        1,
    )
    run = _Run(training, [0], CPU, lambda _: None, Engine(), lambda *_: None)
    before = run.state
    run.outcomes()
    for player in ("generator", "discriminator"):
        network, after = getattr(run.rules, player), getattr(run.state, player)
        assert bool(after.isfinite().all())
        old = network.shaped(getattr(before, player))
        for name, weight in network.shaped(after).items():
            assert not torch.equal(weight, old[name])


def test_grey_images_are_made_as_well():
    pair = replace(SMALL, generator_width=8)
    images = pair.generator((1, 32, 32))(torch.randn(2, 8))
    assert images.shape == (2, 1, 32, 32)
    assert pair.discriminator((1, 32, 32))(images).shape == (2,)
