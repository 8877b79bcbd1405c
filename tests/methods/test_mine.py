"""mine: the suite of `bench check`, and what the idea itself says."""

import pytest
import torch

from bench.check import SUITES
from bench.method import Method
from bench.registry import make_method

NAME = "mine"


@pytest.mark.parametrize("check", SUITES["method"].checks, ids=lambda check: check.__name__)
def test_it_passes_the_suite(check):
    check(make_method(NAME))


# Sharpen this one: say what the idea does where it can be said exactly, as in a closed form, at a
# limit, or at the hyperparameter that switches it off.
@pytest.mark.parametrize("strength", [0.0, 0.5])
def test_the_discriminators_loss_grows_by_the_mean_square_of_its_logits(strength):
    real, fake = torch.randn(2, 3, 16, generator=torch.Generator().manual_seed(0))
    loss = make_method(NAME, {"strength": strength}).discriminator_loss(real, fake)
    plain = Method().discriminator_loss(real, fake)
    torch.testing.assert_close(loss, plain + strength * real.square().mean(1))
