"""DCGAN: its size and first weights as published, and the widths taken where none are given."""

import json
import re

import pytest
import torch
from torch import nn

from bench.architectures.dcgan import DCGAN
from bench.registry import make_architecture

SIZES = (28, 32, 64)


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def counts(channels: int, size: int) -> tuple[int, int]:
    shape = (channels, size, size)
    return count(DCGAN().generator(shape)), count(DCGAN().discriminator(shape))


def test_at_64_pixels_it_has_the_reference_codes_parameters_and_three_biases():
    """PyTorch's DCGAN example, nz 100, ngf = ndf = 64, three channels, no biases.

    Ours has biases where no batch normalisation follows: in the generator's last layer (3, one a
    colour) and in the discriminator's first (64) and last (1).
    """
    widths = (64, 128, 256, 512)
    inner = 16 * (64 * 128 + 128 * 256 + 256 * 512)
    generator = 16 * (100 * 512 + 64 * 3) + inner + 2 * sum(widths)
    discriminator = 16 * (3 * 64 + 512 * 1) + inner + 2 * sum(widths[1:])
    assert (generator, discriminator) == (3_576_704, 2_765_568)
    assert counts(3, 64) == (generator + 3, discriminator + 64 + 1)


@pytest.mark.parametrize(
    ("channels", "size", "generator", "discriminator"),
    [
        (1, 28, 837_505, 431_937),
        (3, 28, 839_555, 433_985),
        (1, 32, 1_066_881, 661_313),
        (3, 32, 1_068_931, 663_361),
    ],
)
def test_at_28_and_32_pixels_it_has_these(channels, size, generator, discriminator):
    """Kernels of 4 × 4 throughout, but 3 × 3 between 4 and 7 pixels."""
    innermost = (3 if size == 28 else 4) ** 2
    inner = innermost * 256 * 128 + 16 * 128 * 64
    pixels = 16 * 64 * channels
    assert generator == 16 * 100 * 256 + inner + pixels + 2 * (256 + 128 + 64) + channels
    assert discriminator == pixels + 64 + inner + 2 * (128 + 256) + 16 * 256 + 1
    assert counts(channels, size) == (generator, discriminator)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", SIZES)
def test_without_widths_it_fits_every_size(channels, size):
    pair, shape = DCGAN(), (channels, size, size)
    assert pair.does_not_fit("any", shape) is None
    images = pair.generator(shape)(torch.randn(2, 100))
    assert images.shape == (2, *shape)
    assert pair.discriminator(shape)(images).shape == (2,)


@pytest.mark.parametrize("size", SIZES)
def test_the_widths_taken_are_the_published_ones(size):
    deeper = (512,) if size == 64 else ()
    given = DCGAN(
        generator_widths=(*deeper, 256, 128, 64), discriminator_widths=(64, 128, 256, *deeper)
    )
    for network in ("generator", "discriminator"):
        built = []
        for pair in (DCGAN(), given):
            torch.manual_seed(0)
            built.append(getattr(pair, network)((1, size, size)).state_dict())
        assert built[0].keys() == built[1].keys()
        for name, value in built[0].items():
            assert torch.equal(value, built[1][name])


def test_settings_survive_json_and_one_side_may_be_given():
    for pair in (DCGAN(), DCGAN(generator_widths=(8, 8, 4)), DCGAN(8, (8, 4, 4), (4, 4, 8))):
        written = json.loads(json.dumps(pair.hyperparameters()))
        assert set(written) >= {"generator_widths", "discriminator_widths"}
        assert make_architecture("dcgan", written) == pair
        assert pair.does_not_fit("any", (1, 28, 28)) is None


@pytest.mark.parametrize("widths", [(8, 8, 8), ()])
def test_widths_of_another_size_are_told(widths):
    for side in ("generator_widths", "discriminator_widths"):
        told = DCGAN(**{side: widths}).does_not_fit("any", (3, 64, 64))
        assert re.search("for 64 pixels it needs 4 .+ leave them out", told)


def test_first_weights_are_as_published():
    """Weights N(0, 0.02), normalisation scales N(1, 0.02), biases 0 (Radford et al. 2016)."""
    torch.manual_seed(0)
    for network in (DCGAN().generator((3, 64, 64)), DCGAN().discriminator((3, 64, 64))):
        seen = 0
        for part in network.modules():
            if not list(part.parameters(recurse=False)):
                continue
            values, mean = part.weight.detach(), float(isinstance(part, nn.BatchNorm2d))
            # five standard errors of mean and standard deviation of as many normal draws
            error = 5 * 0.02 / values.numel() ** 0.5
            assert float(values.mean()) == pytest.approx(mean, abs=error)
            assert float(values.std()) == pytest.approx(0.02, abs=error)
            assert part.bias is None or not part.bias.any()
            seen += 1
        assert seen in (8, 9)
