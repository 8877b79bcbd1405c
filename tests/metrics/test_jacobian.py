"""Eigenvalues of the game against closed forms, and Arnoldi's against dense matrices."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from bench.measuring.evaluation import Seen, Subject
from bench.measuring.field import Field, field_of
from bench.measuring.krylov import dense, spectrum
from bench.method import Method
from bench.metric import NotMeasured, Reason, TooFew
from bench.metrics.eigenvalues import Eigenvalues, stored
from bench.metrics.jacobian import Jacobian, _product, _rotation
from bench.networks import Checkpoint
from bench.registry import find, make_architecture, make_dataset, make_method
from bench.training.configuration import TrainingConfiguration
from bench.training.game import Game
from tests.measured import subject_of

H = 0.2
SGD = TrainingConfiguration(optimizer="sgd", learning_rate=H)


def game(
    method: Method,
    subject: Subject,
    architecture,
    checkpoint: Checkpoint,
    batch: int = 64,
    training: TrainingConfiguration = SGD,
) -> Field:
    cell = SimpleNamespace(seed=0, updates=100, training=training)
    return field_of(cell, method, architecture, subject, checkpoint, batch)


def on_dirac(tmp_path, method: Method, theta=0.0, psi=0.0, **options) -> Field:
    checkpoint = Checkpoint(
        50, 50, {"generator": {"theta": torch.tensor([theta])},
                 "discriminator": {"psi.weight": torch.tensor([[psi]])}},
    )  # fmt: skip
    pair = make_architecture("dirac")
    return game(method, subject_of(make_dataset("dirac"), tmp_path), pair, checkpoint, **options)


def measured(field: Field, **options) -> dict:
    seen = Seen(None, torch.empty(0), play=lambda _: field)
    return Jacobian(**options).measure(seen)


def pair(middle: float, square: float) -> list[complex]:
    root = np.emath.sqrt(square)
    return [middle - root, middle + root]


@pytest.mark.truth
@pytest.mark.parametrize(
    ("name", "hyperparameters", "expected"),
    [
        ("vanilla", {}, pair(0, -1 / 4)),
        ("non_saturating", {}, pair(0, -1 / 4)),
        ("wgan_clip", {}, pair(0, -1)),
        *(("r1", {"gamma": g}, pair(-g / 2, g * g / 4 - 1 / 4)) for g in (0.5, 2.0)),
        *(("r2", {"gamma": g}, pair(-g / 2, g * g / 4 - 1 / 4)) for g in (0.5, 2.0)),
        # at the double eigenvalue of the critical γ single precision gives √ε
        ("consensus_optimization", {"gamma": 1.0}, pair(-1 / 4, -1 / 4)),
        ("extragradient", {}, pair(0, -1 / 4)),
    ],
)
def test_on_the_dirac_gan_the_eigenvalues_are_the_closed_forms(
    tmp_path, name, hyperparameters, expected
):
    found = measured(on_dirac(tmp_path, make_method(name, hyperparameters)))
    values = np.array(expected)
    assert found["game_real"] == pytest.approx(values.real.max(), abs=1e-5)
    assert found["game_modulus"] == pytest.approx(abs(values).max(), abs=1e-5)
    assert found["game_imaginary"] == pytest.approx(abs(values.imag).max(), abs=1e-5)
    rotation = abs(values.imag / abs(values)).max()
    assert found["game_rotation"] == pytest.approx(rotation, abs=1e-5)
    assert found["game_simultaneous"] == pytest.approx(abs(1 + H * values).max(), abs=1e-5)


@pytest.mark.truth
def test_the_critical_gamma_of_r1_has_a_double_eigenvalue(tmp_path):
    found = measured(on_dirac(tmp_path, make_method("r1", {"gamma": 1.0})))
    assert found["game_real"] == pytest.approx(-0.5, abs=1e-3)
    assert found["game_imaginary"] == pytest.approx(0, abs=1e-3)


@pytest.mark.truth
@pytest.mark.parametrize(
    ("name", "psi", "weight", "expected"),
    [
        ("wgan_gp", 1.0, 0.25, pair(-0.25, 0.25**2 - 1)),
        ("wgan_gp", 0.5, 2.0, pair(-2, 2**2 - 1)),
        ("wgan_lp", 1.5, 0.25, pair(-0.25, 0.25**2 - 1)),
        ("wgan_lp", 0.5, 2.0, pair(0, -1)),
    ],
)
def test_a_penalty_on_the_slope_damps_where_it_acts(tmp_path, name, psi, weight, expected):
    """v = (−θ − 2λ(|ψ| − 1), ψ) for ψ > 0, without the penalty below 1 for WGAN-LP."""
    method = make_method(name, {"penalty_weight": weight})
    found = measured(on_dirac(tmp_path, method, theta=1.0, psi=psi))
    assert found["game_real"] == pytest.approx(np.real(expected).max(), abs=1e-4)
    assert found["game_imaginary"] == pytest.approx(np.imag(expected).max(), abs=1e-4)


@pytest.mark.truth
def test_instance_noise_damps_by_its_variance(tmp_path):
    method = make_method("instance_noise", {"strength": 1.0, "annealed": False})
    found = measured(on_dirac(tmp_path, method, batch=200_000))
    expected = pair(-1 / 4, 1 / 16 - 1 / 4)
    assert found["game_real"] == pytest.approx(expected[0].real, abs=3e-3)
    assert found["game_imaginary"] == pytest.approx(expected[1].imag, abs=3e-3)


@pytest.mark.truth
def test_a_look_ahead_is_part_of_the_generators_loss(tmp_path):
    """K steps of rate h: ψ_K = ψ − hKθ/2 near 0, and v_θ = ψ/2 − hKθ/2."""
    found = measured(on_dirac(tmp_path, make_method("unrolled", {"steps": 3})))
    expected = pair(-3 * H / 4, (3 * H / 4) ** 2 - 1 / 4)
    assert found["game_real"] == pytest.approx(expected[0].real, abs=1e-5)
    assert found["game_imaginary"] == pytest.approx(expected[1].imag, abs=1e-5)
    adam = TrainingConfiguration(optimizer="adam")
    field = on_dirac(tmp_path, make_method("unrolled"), training=adam)
    with pytest.raises(NotMeasured, match="moments"):
        measured(field)


@pytest.mark.truth
@pytest.mark.parametrize(("gamma", "critic_steps"), [(0.0, 1), (0.5, 1), (0.1, 5)])
def test_alternating_steps_have_their_closed_form(tmp_path, gamma, critic_steps):
    """The determinant of a round is that of its steps, (1 − hγ)^k, and eigenvalues are complex."""
    training = TrainingConfiguration(optimizer="sgd", learning_rate=H, critic_steps=critic_steps)
    method = make_method("r1", {"gamma": gamma})
    found = measured(on_dirac(tmp_path, method, training=training))
    assert found["game_alternating"] == pytest.approx(
        (1 - H * gamma) ** (critic_steps / 2), abs=1e-5
    )
    assert found["discriminator_curvature"] == pytest.approx(gamma, abs=1e-6)
    assert found["generator_curvature"] == pytest.approx(0, abs=1e-6)


@pytest.mark.truth
def test_each_player_steps_at_its_own_learning_rate(tmp_path):
    method = make_method("ttur", {"ratio": 9})
    field = on_dirac(tmp_path, method)
    discriminator, generator = field.rates
    assert discriminator == pytest.approx(9 * generator)
    found = measured(field)
    product = discriminator * generator
    assert found["game_simultaneous"] == pytest.approx(math.sqrt(1 + product / 4), abs=1e-6)
    assert found["game_alternating"] == pytest.approx(1, abs=1e-6)
    # decay: linear is half way at update 50 of 100
    decayed = TrainingConfiguration(optimizer="sgd", learning_rate=H, decay="linear")
    halved = on_dirac(tmp_path, method, training=decayed).rates
    assert halved == pytest.approx((discriminator / 2, generator / 2))


class Scale(torch.nn.Module):
    """x ↦ w·x, or w·x² as a logit."""

    def __init__(self, square: bool):
        super().__init__()
        self.w, self.square = torch.nn.Parameter(torch.zeros(1)), square

    def forward(self, x):
        return self.w * x[:, 0].square() if self.square else self.w * x


QUADRATIC = SimpleNamespace(
    latent=1, generator=lambda _: Scale(False), discriminator=lambda _: Scale(True)
)
NORMAL = SimpleNamespace(
    sample_shape=(1,),
    source=lambda own, _: lambda steps, n: torch.randn((steps, n, 1), generator=own),
)


@pytest.mark.truth
@pytest.mark.parametrize("name", ["vanilla", "wgan_clip"])
def test_the_quadratic_game_converges_by_minimax_and_circles_by_wasserstein(name):
    """Data N(0, 1), G = a·z, D = b·x², at a² E[z²] = E[x²], b = 0."""
    subject = SimpleNamespace(dataset=NORMAL, device=torch.device("cpu"))

    def at(a: float) -> Field:
        players = {"generator": {"w": torch.tensor([a])}, "discriminator": {"w": torch.zeros(1)}}
        return game(make_method(name), subject, QUADRATIC, Checkpoint(50, 50, players), batch=512)

    feed = at(1.0).feed()
    x, z = (feed.next(kind).double() for kind in ("real", "latents"))
    a = float((x.square().mean() / z.square().mean()).sqrt())
    field = at(a)
    assert float(field.at(field.weights).value.norm()) == pytest.approx(0, abs=1e-6)
    found = measured(field)
    turn = 2 * a * float(z.square().mean())
    if name == "vanilla":
        damp = -float(x.pow(4).mean() + a**4 * z.pow(4).mean()) / 4
        expected = pair(damp / 2, damp * damp / 4 - turn * turn / 4)
    else:
        expected = pair(0, -(turn**2))
    assert found["game_real"] == pytest.approx(np.real(expected).max(), rel=1e-4, abs=1e-5)
    assert found["game_imaginary"] == pytest.approx(np.imag(expected).max(), rel=1e-4)
    assert (found["game_real"] < -0.1) == (name == "vanilla")


TANH = {"latent": 2, "generator_activation": "tanh", "discriminator_activation": "tanh"}


def on_ring(tmp_path, name: str, width: int = 8, seed: int = 1, **options) -> Field:
    method = make_method(name, options)
    widths = {"generator_widths": [width], "discriminator_widths": [width]}
    architecture = make_architecture("mlp", {**TANH, **widths})
    torch.manual_seed(seed)
    networks = architecture.generator((2,)), architecture.discriminator((2 * method.packing,))
    tensors = [{n: w.detach() * 2 for n, w in network.named_parameters()} for network in networks]
    checkpoint = Checkpoint(50, 50, dict(zip(("generator", "discriminator"), tensors, strict=True)))
    return game(method, subject_of(make_dataset("ring8"), tmp_path), architecture, checkpoint)


ALL_KINDS = ["vanilla", "wgan_gp", "r1", "consensus_optimization", "spectral_norm", "lecam",
             "relativistic", "pacgan", "dragan"]  # fmt: skip


@pytest.mark.parametrize("name", ALL_KINDS)
def test_arnoldi_finds_the_extremes_of_the_dense_jacobian(tmp_path, name):
    field = on_ring(tmp_path, name, width=10)
    at, size = field.at(field.weights), sum(field.sizes)
    matrix = dense(_product(at, at.pulled), size).T
    values = np.linalg.eigvals(matrix)
    scale = abs(values).max()
    found = measured(field, steps=70)
    assert size > 80
    assert found["game_real"] == pytest.approx(values.real.max(), abs=1e-3 * scale)
    assert found["game_modulus"] == pytest.approx(scale, rel=1e-4)
    assert found["game_imaginary"] == pytest.approx(abs(values.imag).max(), abs=1e-3 * scale)
    first, (h, _) = field.sizes[0], field.rates
    for name, block in (
        ("discriminator", matrix[:first, :first]),
        ("generator", matrix[first:, first:]),
    ):
        np.testing.assert_allclose(block, block.T, atol=1e-5 * scale)
        least = np.linalg.eigvalsh(-(block + block.T) / 2).min()
        assert found[f"{name}_curvature"] == pytest.approx(least, abs=1e-3 * scale)
    assert found["game_simultaneous"] == pytest.approx(abs(1 + h * values).max(), rel=1e-3)
    own = np.zeros_like(matrix), np.zeros_like(matrix)
    own[0][:first], own[1][first:] = h * matrix[:first], h * matrix[first:]
    step = [np.eye(size) + each for each in own]
    around = step[1] @ np.linalg.matrix_power(step[0], field.critic_steps)
    radius = abs(np.linalg.eigvals(around)).max()
    assert found["game_alternating"] == pytest.approx(radius, rel=1e-3)


@pytest.mark.parametrize("name", ["vanilla", "r1", "wgan_gp", "consensus_optimization"])
def test_the_jacobian_is_that_of_the_field(tmp_path, name):
    """Along a random direction, by central differences."""
    field = on_ring(tmp_path, name)
    generator, e = torch.Generator().manual_seed(0), 1e-3
    for _ in range(3):
        u, w = (torch.randn(len(field.weights), generator=generator) for _ in range(2))
        ends = [field.at(field.weights + sign * e * w).value.double() for sign in (1, -1)]
        along = (ends[0] - ends[1]) / (2 * e) @ u.double()
        product = field.at(field.weights).pulled(u).double() @ w.double()
        assert float(product) == pytest.approx(float(along), rel=2e-2, abs=2e-2)


def test_the_field_is_what_training_computes(tmp_path):
    """Norms of both parts are those that a game of training observes on the same batch."""
    ring, pair = make_dataset("ring8"), make_architecture("mlp")
    for name in find("method").parts:
        if make_method(name).not_applicable(ring, pair):
            continue
        field = on_ring(tmp_path, name)
        at = field.at(field.weights)
        playing = Game(field.rules, field.state, field.feed())
        playing.critic_steps, playing.simultaneous = 1, True
        playing.step_discriminator = playing.step_generator = lambda _: None
        playing.extrapolate = lambda *_: []
        playing.return_to = lambda _: None
        field.rules.method.update(playing)
        for part, player in zip(at.parts, ("discriminator", "generator"), strict=True):
            norm = float(playing.observed()[f"{player}_norm"][-1])
            assert float(part.detach().norm()) == pytest.approx(norm, rel=1e-4), name


def test_what_spectral_normalisation_divides_by_is_at_rest(tmp_path):
    field = on_ring(tmp_path, "spectral_norm")
    for name, weight in field.discriminator_weights.items():
        if weight.ndim == 2:
            assert float(torch.linalg.matrix_norm(weight, 2)) == pytest.approx(1, abs=1e-3), name


def test_an_extreme_that_has_not_converged_is_no_number():
    values = np.concatenate([np.linspace(0, 1, 500), [-5.0]])
    few = spectrum(lambda v: values * v, len(values), 4)
    assert few.residuals.max() > 0.01
    with pytest.raises(NotMeasured, match="ask for more"):
        few.largest(np.real)
    enough = spectrum(lambda v: values * v, len(values), 60, symmetric=True)
    assert enough.largest(lambda v: -v) == pytest.approx(5)
    assert enough.largest(np.real) == pytest.approx(1, abs=1e-2)


def test_a_space_that_is_exhausted_early_ends_the_iteration():
    matrix = np.diag([3.0, -2.0, *[0.5] * 98])
    found = spectrum(lambda v: matrix @ v, 100, 50)
    assert sorted(found.values.real) == pytest.approx([-2, 0.5, 3])
    assert found.residuals == pytest.approx(0, abs=1e-6)


def test_what_has_not_converged_is_a_reason_and_no_number():
    """Fifty vectors find no eigenvalue of a random matrix, whose largest |Im λ| is about 1."""
    matrix = np.random.default_rng(0).standard_normal((1500, 1500)) / np.sqrt(1500)
    found = spectrum(lambda vector: matrix @ vector, 1500, 50)
    for each in _rotation(found):
        assert isinstance(each, Reason)
        assert "has not converged" in each.text


@pytest.mark.truth
@pytest.mark.parametrize("gamma", [0.5, 2.0])
def test_largest_eigenvalues_of_three_checkpoints_are_the_closed_forms(tmp_path, gamma):
    """R1 on the Dirac-GAN at ψ = 0: v′ = (−γ − θ²/4, −½; ½, 0), ¼ the logistic loss's curvature."""
    method = make_method("r1", {"gamma": gamma})
    fields = [on_dirac(tmp_path, method, theta) for theta in (9.0, 0.3, 9.0, 0.2, 9.0, 0.0)]
    *earlier, seen = [Seen(None, torch.empty(0), play=lambda _, f=each: f) for each in fields]
    seen.earlier = earlier
    found = Eigenvalues(leading=2).measure(seen)
    numbers = {n: None if isinstance(value, Reason) else value for n, value in found.items()}
    for moment, theta in (("early", 0.3), ("middle", 0.2), ("last", 0.0)):
        damp = gamma + theta**2 / 4
        expected = pair(-damp / 2, damp**2 / 4 - 1 / 4)
        upper = sorted((z for z in expected if z.imag >= 0), key=abs, reverse=True)
        np.testing.assert_allclose(stored(numbers, moment), upper, atol=1e-5)
        assert found[f"eigenvalues_{moment}"] == len(upper)
    seen.earlier = earlier[:2]
    with pytest.raises(TooFew, match="3 trained checkpoints"):
        Eigenvalues().measure(seen)
