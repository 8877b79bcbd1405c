"""Losses, targets, penalties on logits and on weights, clipping: against closed forms."""

import math
from dataclasses import replace

import pytest
import torch
from by_formula import B, Formula, P, fresh_noise, randn, small_game, weights
from torch.nn.functional import binary_cross_entropy_with_logits as cross_entropy

from bench.architectures.dirac import DiracPair
from bench.datasets.dirac import Dirac
from bench.method import Method, Optimizer
from bench.registry import make_method


@pytest.fixture
def logits() -> tuple[torch.Tensor, torch.Tensor]:
    return 3 * randn(P, B, seed=1), 3 * randn(P, B, seed=2)


def bce(logits: torch.Tensor, target: float) -> torch.Tensor:
    return cross_entropy(logits, torch.full_like(logits, target), reduction="none").mean(1)


def margin(logits: torch.Tensor) -> torch.Tensor:
    return torch.where(logits < 1, 1 - logits, torch.zeros_like(logits)).mean(1)


@pytest.mark.truth
@pytest.mark.parametrize(
    ("name", "discriminator", "generator"),
    [
        (
            "lsgan",
            lambda r, f: ((r - 1) ** 2).mean(1) / 2 + (f**2).mean(1) / 2,
            lambda _, f: ((f - 1) ** 2).mean(1) / 2,
        ),
        ("hinge", lambda r, f: margin(r) + margin(-f), lambda _, f: -f.mean(1)),
        ("lecam", lambda r, f: margin(r) + margin(-f), lambda _, f: -f.mean(1)),
        ("wgan_clip", lambda r, f: (f - r).mean(1), lambda _, f: -f.mean(1)),
        ("wgan_lp", lambda r, f: (f - r).mean(1), lambda _, f: -f.mean(1)),
        ("relativistic", lambda r, f: bce(r - f, 1), lambda r, f: bce(f - r, 1)),
        ("r3gan", lambda r, f: bce(r - f, 1), lambda r, f: bce(f - r, 1)),
        (
            "two_sided_label_smoothing",
            lambda r, f: bce(r, 0.9) + bce(f, 0.1),
            lambda _, f: bce(f, 1),
        ),
        *(
            (name, lambda r, f: bce(r, 1) + bce(f, 0), lambda _, f: bce(f, 1))
            for name in (
                *("dragan", "r1", "r2", "zero_centered_gp", "orthogonal_regularization"),
                *("gradient_clipping", "instance_noise", "diffaugment", "pacgan"),
                *("generator_ema", "consensus_optimization", "optimistic_adam"),
                *("extragradient", "unrolled"),
            )
        ),
    ],
)
def test_losses_are_the_papers_and_their_gradients_those_of_finite_differences(
    name, discriminator, generator, logits
):
    real, fake = logits
    method = make_method(name)
    seen = real if method.generator_sees_real else None
    torch.testing.assert_close(method.discriminator_loss(real, fake), discriminator(real, fake))
    torch.testing.assert_close(method.generator_loss(fake, seen), generator(real, fake))
    real, fake = real.clone().requires_grad_(), fake.clone().requires_grad_()
    assert torch.autograd.gradcheck(method.discriminator_loss, (real, fake))
    assert torch.autograd.gradcheck(lambda f: method.generator_loss(f, seen), fake)


@pytest.mark.truth("relativistic")
def test_relativistic_losses_compare_each_real_sample_with_one_fake_sample(logits):
    real, fake = logits
    method = make_method("relativistic")
    shifted = method.discriminator_loss(real + 5, fake + 5)
    torch.testing.assert_close(shifted, method.discriminator_loss(real, fake))
    turned = method.discriminator_loss(real, fake.roll(1, dims=1))
    assert (turned - method.discriminator_loss(real, fake)).abs().min() > 1e-3
    with pytest.raises(ValueError, match="real ones"):
        method.generator_loss(fake, None)


@pytest.mark.truth("two_sided_label_smoothing")
def test_smoothing_without_a_fake_target_is_one_sided(logits):
    two_sided = make_method("two_sided_label_smoothing", {"fake_target": 0.0})
    torch.testing.assert_close(
        two_sided.discriminator_loss(*logits),
        make_method("label_smoothing").discriminator_loss(*logits),
    )


@pytest.mark.truth("lecam")
@pytest.mark.parametrize("one_sided", [True, False])
def test_lecam_holds_logits_near_their_moving_averages(one_sided):
    method = make_method("lecam", {"one_sided": one_sided})
    state = method.initial_state({"w": randn(P, 4, 5)}, fresh_noise())
    ends = [[0.0] * P, [0.0] * P]
    for update in range(6):
        real, fake = (randn(P, B, seed=2 * update + part) + part for part in (0, 1))
        where = Formula(lambda samples: samples, state=state)
        penalty = method.penalty(where, real, fake, fresh_noise())
        for member in range(P):
            for part, values in enumerate((real, fake)):
                now = float(values[member].mean())
                old = ends[part][member]
                ends[part][member] = now if update == 0 else 0.99 * old + 0.01 * now
            average_real, average_fake = ends[0][member], ends[1][member]
            expected = 0.0
            for r, f in zip(real[member].tolist(), fake[member].tolist(), strict=True):
                up, down = r - average_fake, average_real - f
                if one_sided:
                    up, down = max(up, 0), max(down, 0)
                expected += 0.3 * (up**2 + down**2) / B
            assert float(penalty[member]) == pytest.approx(expected, rel=1e-5)
    assert state["real"].tolist() == pytest.approx(ends[0], rel=1e-5)
    assert state["fake"].tolist() == pytest.approx(ends[1], rel=1e-5)


@pytest.mark.truth("lecam")
def test_the_averages_of_lecam_are_constants_to_the_gradient():
    method = make_method("lecam", {"one_sided": False})
    real, fake = randn(P, B, seed=1), randn(P, B, seed=2).requires_grad_()
    state = {"real": torch.ones(P), "fake": torch.ones(P), "begun": torch.ones(P)}
    penalty = method.penalty(Formula(lambda s: s, state=state), real, fake, fresh_noise())
    (gradient,) = torch.autograd.grad(penalty.sum(), fake)
    torch.testing.assert_close(
        gradient, 0.3 * 2 * (fake.detach() - state["real"][:, None]) / B, rtol=1e-5, atol=1e-8
    )


def test_logits_the_penalty_asks_for_again_cost_nothing():
    spent = {}
    for name in ("hinge", "lecam"):
        game = small_game(make_method(name), Optimizer())
        calls = []
        counted = _Counted(game._rules.discriminator, calls)
        game._rules = replace(game._rules, discriminator=counted)
        game.discriminator_gradients()
        spent[name] = len(calls)
    assert spent == {"hinge": 1, "lecam": 1}


class _Counted:
    def __init__(self, network, calls):
        self._network, self._calls = network, calls

    def __call__(self, *arguments):
        self._calls.append(1)
        return self._network(*arguments)

    def __getattr__(self, name):
        return getattr(self._network, name)


@pytest.mark.truth("orthogonal_regularization")
def test_orthogonal_regularisation_counts_the_angles_of_rows_alone():
    method = make_method("orthogonal_regularization", {"penalty_weight": 2})
    rotation = torch.linalg.qr(randn(P, 6, 6, seed=1)).Q
    lengths = randn(P, 6, 1, seed=2)
    skew = torch.tensor([[1.0, 0.0], [3.0, 4.0]]).double().expand(P, 2, 2)

    def penalty(**weights):
        return method.penalty(Formula(None, weights), None, None, fresh_noise())

    orthogonal = penalty(a=rotation * lengths, bias=randn(P, 6), conv=rotation.view(P, 6, 3, 1, 2))
    torch.testing.assert_close(orthogonal, torch.zeros(P).double())
    # the rows' product is 3, twice off the diagonal
    torch.testing.assert_close(penalty(a=skew), torch.full((P,), 2 * 2 * 9.0).double())
    torch.testing.assert_close(penalty(a=skew, b=skew), torch.full((P,), 72.0).double())
    weight = randn(P, 3, 2, 2, seed=3).requires_grad_()
    assert torch.autograd.gradcheck(lambda w: penalty(w=w), weight)


def test_orthogonal_regularisation_reaches_the_discriminators_gradient():
    plain, weighted = (
        small_game(method, Optimizer()).discriminator_gradients()
        for method in (Method(), make_method("orthogonal_regularization", {"penalty_weight": 5}))
    )
    assert (plain[0] - weighted[0]).abs().max() > 0.01
    assert torch.equal(plain[1], weighted[1])


@pytest.mark.truth("wgan_clip")
@pytest.mark.parametrize("kind", ["adam", "sgd"])
def test_clipped_weights_stay_within_their_bounds_after_every_step(kind):
    game = small_game(make_method("wgan_clip", {"clip": 0.05}), Optimizer(kind, 0.01))
    assert weights(game, "discriminator").abs().max() > 0.05
    step, reached = game.step_discriminator, []

    def step_and_look(gradients):
        step(gradients)
        reached.append(float(weights(game, "discriminator").abs().max()))

    game.step_discriminator = step_and_look
    for _ in range(6):
        game._method.update(game)
    assert len(reached) == 30
    assert max(reached) == pytest.approx(0.05)
    assert weights(game, "generator").abs().max() > 0.05


class ClipsInPlace(Method):
    """A method that changes the dictionary it is given."""

    def kept_weights(self, weights):
        for name in weights:
            weights[name] = weights[name].clamp(-0.05, 0.05)
        return weights


def test_weights_may_be_kept_in_the_dictionary_that_is_handed_over():
    game = small_game(ClipsInPlace(), Optimizer("sgd", 0.01))
    game.step_discriminator(game.discriminator_gradients())
    assert weights(game, "discriminator").abs().max() == pytest.approx(0.05)


def test_wgan_clip_replaces_adam_alone_and_keeps_the_rate():
    method = make_method("wgan_clip")
    assert {each.kind for each in method.optimizers(Optimizer("adam", 3e-4))} == {"rmsprop"}
    assert {each.learning_rate for each in method.optimizers(Optimizer("adam", 3e-4))} == {3e-4}
    assert {each.kind for each in method.optimizers(Optimizer("sgd"))} == {"sgd"}
    kept = make_method("wgan_clip", {"rmsprop": False})
    assert {each.kind for each in kept.optimizers(Optimizer("adam"))} == {"adam"}


@pytest.mark.truth("gradient_clipping")
def test_gradients_are_clipped_by_the_norm_of_all_of_a_members_weights():
    method = make_method("gradient_clipping", {"max_norm": 2.0})
    gradients = [randn(P, 3, 4, seed=1), randn(P, 5, seed=2)]
    gradients = [g * torch.tensor([1.0, 0.01, 0.0]).view(P, *[1] * (g.ndim - 1)) for g in gradients]
    clipped = method.applied_gradients(gradients)
    first = math.sqrt(sum(float(g[0].square().sum()) for g in gradients))
    assert first > 2
    for before, after in zip(gradients, clipped, strict=True):
        torch.testing.assert_close(after[0], before[0] * 2 / first)
        assert torch.equal(after[1:], before[1:])


@pytest.mark.truth("gradient_clipping")
def test_clipping_bounds_the_step_and_leaves_the_recorded_norm():
    bounds = {}
    for max_norm in (1e-3, 1e9):
        method = make_method("gradient_clipping", {"max_norm": max_norm})
        game = small_game(method, Optimizer("sgd", 1.0))
        start = game.state().discriminator
        game.step_discriminator(game.discriminator_gradients())
        after = game.state().discriminator
        norms = game.observed()["discriminator_norm"][0]
        bounds[max_norm] = (after - start).norm(dim=1), norms
    torch.testing.assert_close(bounds[1e-3][0], torch.full((2,), 1e-3), rtol=1e-3, atol=0)
    torch.testing.assert_close(bounds[1e9][0], bounds[1e9][1], rtol=1e-3, atol=0)
    assert torch.equal(bounds[1e-3][1], bounds[1e9][1])


@pytest.mark.parametrize("name", ["orthogonal_regularization", "pacgan", "diffaugment"])
def test_methods_without_a_meaning_on_the_dirac_gan_say_so(name):
    assert make_method(name).not_applicable(Dirac(), DiracPair())
