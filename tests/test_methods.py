"""The methods' formulas, against closed forms and finite differences."""

import math
from dataclasses import dataclass

import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits as cross_entropy

from bench.method import Method, Optimizer
from bench.registry import make_method
from bench.training.streams import MemberNoise

P, B = 3, 16
SHIPPED = ("label_smoothing", "non_saturating", "spectral_norm", "ttur", "vanilla", "wgan_gp")
METHODS = [make_method(name) for name in SHIPPED]


def randn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@dataclass
class Formula:
    """A discriminator given as a formula: (P, B, d) → (P, B)."""

    function: object

    def __call__(self, samples):
        return self.function(samples)

    def input_gradient(self, samples):
        samples = samples.detach().requires_grad_()
        (gradient,) = torch.autograd.grad(self(samples).sum(), samples, create_graph=True)
        return gradient


@pytest.fixture
def noise() -> MemberNoise:
    return MemberNoise(list(range(P)), torch.device("cpu"))


@pytest.fixture
def logits() -> tuple[torch.Tensor, torch.Tensor]:
    return 3 * randn(P, B, seed=1), 3 * randn(P, B, seed=2)


def bce(logits: torch.Tensor, target: float) -> torch.Tensor:
    return cross_entropy(logits, torch.full_like(logits, target), reduction="none").mean(1)


@pytest.mark.truth
@pytest.mark.parametrize(
    ("name", "discriminator", "generator"),
    [
        ("non_saturating", lambda r, f: bce(r, 1) + bce(f, 0), lambda f: bce(f, 1)),
        ("ttur", lambda r, f: bce(r, 1) + bce(f, 0), lambda f: bce(f, 1)),
        ("spectral_norm", lambda r, f: bce(r, 1) + bce(f, 0), lambda f: bce(f, 1)),
        ("vanilla", lambda r, f: bce(r, 1) + bce(f, 0), lambda f: -bce(f, 0)),
        ("label_smoothing", lambda r, f: bce(r, 0.9) + bce(f, 0), lambda f: bce(f, 1)),
        ("wgan_gp", lambda r, f: f.mean(1) - r.mean(1), lambda f: -f.mean(1)),
    ],
)
def test_losses_are_the_papers(name, discriminator, generator, logits):
    real, fake = logits
    method = make_method(name)
    torch.testing.assert_close(method.discriminator_loss(real, fake), discriminator(real, fake))
    torch.testing.assert_close(method.generator_loss(fake, None), generator(fake))


@pytest.mark.parametrize("method", METHODS, ids=lambda m: m.name)
def test_losses_keep_members_apart(method, logits):
    real, fake = (part.requires_grad_() for part in logits)
    for loss in (method.discriminator_loss(real, fake), method.generator_loss(fake, real)):
        (gradient,) = torch.autograd.grad(loss[1], fake, retain_graph=True)
        assert gradient[1].abs().min() > 0
        assert gradient[[0, 2]].abs().max() == 0


@pytest.mark.parametrize("method", METHODS, ids=lambda m: m.name)
def test_losses_stay_finite_at_extreme_logits(method):
    extreme = torch.tensor([[-1e4, 1e4]], requires_grad=True)
    for loss in (method.discriminator_loss(extreme, extreme), method.generator_loss(extreme, None)):
        (gradient,) = torch.autograd.grad(loss.sum(), extreme, retain_graph=True)
        assert loss.isfinite().all()
        assert gradient.isfinite().all()


@pytest.mark.truth("label_smoothing")
def test_label_smoothing_with_a_target_of_one_is_the_base(logits):
    smoothed, base = make_method("label_smoothing", {"real_target": 1.0}), Method()
    torch.testing.assert_close(
        smoothed.discriminator_loss(*logits), base.discriminator_loss(*logits)
    )


@pytest.mark.truth("vanilla")
def test_the_saturating_generator_maximises_the_fake_part_of_the_discriminators_loss(logits):
    method, (_, fake) = make_method("vanilla"), logits
    sure_of_real = torch.full_like(fake, 1e4)
    torch.testing.assert_close(
        method.generator_loss(fake, None), -method.discriminator_loss(sure_of_real, fake)
    )


@pytest.mark.truth("ttur")
def test_ttur_changes_the_discriminators_rate_alone():
    base = Optimizer("adam", 1e-4, (0.3, 0.7))
    generator, discriminator = make_method("ttur").optimizers(base)
    assert generator == base
    assert discriminator == Optimizer("adam", 4e-4, (0.3, 0.7))


@pytest.mark.parametrize("name", [m.name for m in METHODS if m.name != "ttur"])
def test_the_other_methods_leave_the_settings_optimiser_alone(name):
    base = Optimizer("rmsprop", 3e-4, (0.1, 0.2))
    assert make_method(name).optimizers(base) == (base, base)


def test_critic_steps():
    steps = {method.name: method.critic_steps for method in METHODS}
    assert steps.pop("wgan_gp") == 5
    assert set(steps.values()) == {1}


@pytest.mark.truth("wgan_gp")
@pytest.mark.parametrize("shape", [(2,), (1, 4, 4)])
def test_the_gradient_penalty_of_a_linear_discriminator(shape, noise):
    weight = randn(P, 1, math.prod(shape), seed=3)
    linear = Formula(lambda x: (x.flatten(2) * weight).sum(2))
    real, fake = randn(P, B, *shape, seed=4), randn(P, B, *shape, seed=5)
    penalty = make_method("wgan_gp", {"penalty_weight": 7}).penalty(linear, real, fake, noise)
    torch.testing.assert_close(penalty, 7 * (weight.flatten(1).norm(dim=1) - 1) ** 2)


@pytest.mark.truth("wgan_gp")
def test_the_gradient_penalty_takes_the_norm_of_every_sample_by_itself(noise):
    # D(x) = ‖x‖²/2 has slope ‖x‖ at x; with real = fake every point between is x itself
    quadratic = Formula(lambda x: x.square().sum(2) / 2)
    samples = randn(P, B, 2, seed=6)
    penalty = make_method("wgan_gp").penalty(quadratic, samples, samples, noise)
    torch.testing.assert_close(penalty, 10 * (samples.norm(dim=2) - 1).square().mean(1))
    whole_batch = 10 * (samples.flatten(1).norm(dim=1) - 1).square()
    assert (penalty / whole_batch - 1).abs().min() > 0.1


@pytest.mark.truth("wgan_gp")
def test_the_gradient_of_the_penalty_is_that_of_finite_differences():
    samples, other = randn(P, B, 2, seed=7), randn(P, B, 2, seed=8)
    weights = randn(P, 2, 5, seed=9)

    def penalty(weights):
        discriminator = Formula(lambda x: torch.tanh(x @ weights).sum(2))
        fresh = MemberNoise(list(range(P)), torch.device("cpu"))
        return make_method("wgan_gp").penalty(discriminator, samples, other, fresh)

    assert torch.autograd.gradcheck(penalty, weights.requires_grad_(), atol=1e-6)


@pytest.mark.truth("spectral_norm")
def test_spectral_norm_in_the_limit_divides_by_the_largest_singular_value(noise):
    method = make_method("spectral_norm")
    weights = {
        "linear": randn(P, 6, 9, seed=10),
        "conv": randn(P, 5, 3, 4, 4, seed=11),
        "bias": randn(P, 6, seed=12),
    }
    state = {name: part.double() for name, part in method.initial_state(weights, noise).items()}
    assert state.keys() == {"linear", "conv"}
    for _ in range(500):
        normalised = method.discriminator_weights(weights, state, advance=True)
    assert torch.equal(normalised["bias"], weights["bias"])
    for name in state:
        largest = torch.linalg.matrix_norm(weights[name].flatten(2), ord=2)
        torch.testing.assert_close(
            normalised[name], weights[name] / largest.view(-1, *[1] * (weights[name].ndim - 1))
        )
        norms = torch.linalg.matrix_norm(normalised[name].flatten(2), ord=2)
        torch.testing.assert_close(norms, torch.ones_like(norms))


@pytest.mark.truth("spectral_norm")
def test_spectral_norm_climbs_one_iteration_per_discriminator_update(noise):
    method = make_method("spectral_norm")
    weights = {"w": randn(P, 20, 30, seed=13)}
    state = {"w": method.initial_state(weights, noise)["w"].double()}
    largest = torch.linalg.matrix_norm(weights["w"], ord=2)
    estimates = []
    for _ in range(20):
        before = state["w"].clone()
        method.discriminator_weights(weights, state, advance=False)
        assert torch.equal(state["w"], before)
        normalised = method.discriminator_weights(weights, state, advance=True)
        left = torch.einsum("poi,pni,pn->po", weights["w"], weights["w"], before)
        torch.testing.assert_close(state["w"], left / left.norm(dim=1, keepdim=True))
        estimates.append((weights["w"] / normalised["w"])[:, 0, 0])
    assert (torch.stack(estimates).diff(dim=0) > 0).all()
    assert (estimates[0] < largest).all()
    assert (estimates[-1] / largest > 0.98).all()


def test_spectral_norm_starts_from_unit_vectors_of_each_members_own(noise):
    state = make_method("spectral_norm").initial_state({"w": randn(P, 6, 9)}, noise)["w"]
    torch.testing.assert_close(state.norm(dim=1), torch.ones(P))
    assert not torch.equal(state[0], state[1])


@pytest.mark.truth("spectral_norm")
@pytest.mark.parametrize("shape", [(P, 3, 4), (P, 2, 1, 2, 2)])
def test_the_gradient_through_spectral_norm_is_that_of_finite_differences(shape, noise):
    method = make_method("spectral_norm")
    weight = randn(*shape, seed=14).requires_grad_()
    state = {"w": method.initial_state({"w": weight}, noise)["w"].double()}

    def normalised(weight):
        return method.discriminator_weights({"w": weight}, dict(state), advance=False)["w"]

    assert torch.autograd.gradcheck(normalised, weight)
