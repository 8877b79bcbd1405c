"""What the discriminator is shown: noise, augmentations, packs."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from by_formula import CPU, fresh_noise, randn, small_game

from bench.architectures.dcgan import DCGAN
from bench.architectures.mlp import MLP
from bench.check import check_part
from bench.datasets.ring8 import Ring8
from bench.errors import BenchError
from bench.method import Optimizer, Progress
from bench.registry import make_method
from bench.training.configuration import TrainingConfiguration
from bench.training.loop import Training, train
from bench.training.population import Network
from bench.training.streams import Stream
from bench.training.views import packed, packed_shape

START = Progress(0, 10)


def shown(name: str, samples: torch.Tensor, progress: Progress = START, **hyperparameters):
    method = make_method(name, hyperparameters)
    return method.discriminator_input(samples, progress, fresh_noise(len(samples)))


@pytest.mark.truth("instance_noise")
def test_instance_noise_falls_evenly_to_nothing():
    nothing = torch.zeros(3, 4000, 2)
    for update, left in ((0, 1.0), (5, 0.5), (9, 0.1)):
        added = shown("instance_noise", nothing, Progress(update, 10), strength=0.3)
        assert added.std((1, 2)) == pytest.approx(torch.full((3,), 0.3 * left), rel=0.05)
        assert added.mean((1, 2)) == pytest.approx(torch.zeros(3), abs=0.02)
        assert not torch.equal(added[0], added[1])
    assert torch.equal(shown("instance_noise", nothing, Progress(10, 10)), nothing)
    constant = shown("instance_noise", nothing, Progress(10, 10), strength=0.3, annealed=False)
    assert float(constant.std()) == pytest.approx(0.3, rel=0.05)


@pytest.mark.truth
@pytest.mark.parametrize("name", ["instance_noise", "diffaugment"])
def test_real_and_fake_samples_are_treated_alike_and_each_on_its_own(name):
    images = randn(2, 6, 3, 8, 8, seed=1).float()
    first, second = shown(name, images), shown(name, images)
    # whatever is shown next meets the same distribution: it depends on the draws alone
    assert torch.equal(first, second)
    assert not torch.equal(first, images)
    one = images[:, :1].expand_as(images)
    copies = shown(name, one)
    for other in range(1, 6):
        assert not torch.equal(copies[:, 0], copies[:, other])
    assert not torch.equal(copies[0], copies[1])


@pytest.mark.parametrize("name", ["instance_noise", "diffaugment"])
def test_the_generator_learns_through_them(name):
    images = randn(1, 2, 3, 6, 6, seed=2).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: shown(name, x.float()).double(), images, eps=1e-2,
                                    atol=1e-2)  # fmt: skip


@pytest.mark.truth("diffaugment")
def test_color_changes_brightness_saturation_and_contrast_within_their_bounds():
    images = randn(1, 300, 3, 4, 4, seed=3).float()
    changed = shown("diffaugment", images, translation=0.0, cutout=0.0)
    mean, new_mean = (part.mean((2, 3, 4)) for part in (images, changed))
    brighter = new_mean - mean
    assert brighter.abs().max() <= 0.5 + 1e-5
    assert float(brighter.std()) == pytest.approx(12**-0.5, rel=0.15)
    grey, new_grey = (part.mean(2, keepdim=True) for part in (images, changed))
    # grey pictures change by contrast alone, colours by saturation times contrast
    contrast = (new_grey - new_mean[..., None, None, None]) / (grey - mean[..., None, None, None])
    contrast = contrast.flatten(2).median(2).values
    assert contrast.min() >= 0.5 - 1e-3
    assert contrast.max() <= 1.5 + 1e-3
    colour = ((changed - new_grey) / (images - grey)).flatten(2).median(2).values
    saturation = colour / contrast
    assert saturation.min() >= -1e-3
    assert saturation.max() <= 2 + 1e-3
    assert saturation.std() > 0.4


@pytest.mark.truth("diffaugment")
def test_images_are_moved_by_whole_pixels_and_zeros_come_in():
    images = 1 + randn(1, 200, 2, 8, 8, seed=4).abs().float()
    moved = shown("diffaugment", images, color=False, cutout=0.0)
    seen = set()
    for image, result in zip(images[0], moved[0], strict=True):
        fits = []
        for down in (-1, 0, 1):
            for right in (-1, 0, 1):
                wide = torch.nn.functional.pad(image, (1, 1, 1, 1))
                window = wide[:, 1 + down : 9 + down, 1 + right : 9 + right]
                if torch.equal(window, result):
                    fits.append((down, right))
        assert len(fits) == 1
        seen.update(fits)
    assert len(seen) == 9


@pytest.mark.truth("diffaugment")
@pytest.mark.parametrize("size", [8, 7])
def test_a_square_is_cut_out_wherever_its_middle_falls(size):
    images = torch.ones(1, 400, 1, size, size)
    cut = shown("diffaugment", images, color=False, translation=0.0)[0, :, 0]
    length = int(size * 0.5 + 0.5)
    rows, columns = (cut == 0).any(2), (cut == 0).any(1)
    assert ((cut == 0) == (rows[:, :, None] & columns[:, None, :])).all()
    heights = rows.sum(1)
    assert int(heights.max()) == length
    assert int(heights.min()) == length - length // 2
    starts = {tuple(r.int().tolist()) for r in rows}
    assert len(starts) == size + 1 - length % 2


def test_augmentations_can_be_left_out():
    images = randn(1, 4, 3, 6, 6).float()
    nothing = shown("diffaugment", images, color=False, translation=0.0, cutout=0.0)
    assert torch.equal(nothing, images)


@pytest.mark.truth("pacgan")
def test_packs_are_neighbours_of_the_batch_with_their_channels_in_a_row():
    samples = torch.arange(2 * 7 * 3 * 2 * 2).view(2, 7, 3, 2, 2)
    packs = packed(samples, 2)
    assert packs.shape == (2, 3, *packed_shape((3, 2, 2), 2))
    for member in range(2):
        for pack in range(3):
            assert torch.equal(packs[member, pack, :3], samples[member, 2 * pack])
            assert torch.equal(packs[member, pack, 3:], samples[member, 2 * pack + 1])
    assert packed(samples, 1) is samples
    with pytest.raises(BenchError, match="no pack of 8"):
        packed(samples, 8)


def training(name: str, **hyperparameters) -> Training:
    return Training(
        make_method(name, hyperparameters),
        Ring8(evaluation_samples=50),
        MLP(latent=4, generator_widths=(16,), discriminator_widths=(16,)),
        TrainingConfiguration(learning_rate=1e-3, batch_size=32),
        20,
        2,
    )


@pytest.mark.truth
@pytest.mark.parametrize(
    ("name", "hyperparameters"),
    [
        ("pacgan", {"packing": 1}),
        ("unrolled", {"steps": 0}),
        ("instance_noise", {"strength": 0.0}),
        ("gradient_clipping", {"max_norm": 1e9}),
        ("diffaugment", {"color": False, "translation": 0.0, "cutout": 0.0}),
    ],
)
def test_without_its_idea_a_method_is_the_plain_gan_bit_for_bit(name, hyperparameters):
    plain = train(training("non_saturating"), [0, 1], CPU)
    same = train(training(name, **hyperparameters), [0, 1], CPU)
    for first, second in zip(plain, same, strict=True):
        np.testing.assert_array_equal(first.samples, second.samples)
        for series, values in first.series.items():
            np.testing.assert_array_equal(values, second.series[series])


@pytest.mark.truth("pacgan")
@pytest.mark.parametrize("packing", [2, 3])
def test_packs_are_what_the_discriminator_judges(packing):
    hyperparameters = {"packing": packing, "whole_batches": False}
    game = small_game(make_method("pacgan", hyperparameters), Optimizer())
    judged, network = [], game._rules.discriminator
    assert network.shaped(network.flat)["1.weight"].shape[2] == 2 * packing

    class Spy:
        has_batch_norm = False
        shaped = network.shaped

        def __call__(self, inputs, *state):
            judged.append(inputs)
            return network(inputs, *state)

    game._rules = replace(game._rules, discriminator=Spy())
    game.discriminator_gradients()
    (both,) = judged
    assert both.shape == (2, 2 * (8 // packing), 2 * packing)
    assert torch.equal(both[:, 0], game._latest[:, :packing].flatten(1))


def test_packed_images_reach_a_convolution():
    shape = packed_shape((1, 28, 28), 4)
    assert shape == (4, 28, 28)
    pair = DCGAN(8, (4, 4, 4), (4, 4, 4))
    network = Network(lambda: pair.discriminator(shape), [0], Stream.DISCRIMINATOR_WEIGHTS, CPU)
    packs = packed(torch.zeros(1, 8, 1, 28, 28), 4)
    logits = network(packs, network.shaped(network.flat), network.buffers)
    assert logits.shape == (1, 2)


def test_other_packs_pass_the_suite():
    method = make_method("pacgan", {"packing": 3})
    assert [v.problem for v in check_part(method) if v.problem] == []
