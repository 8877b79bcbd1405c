"""Path, discriminator, generator and modes over time, on planted cases with known answers."""

import math
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from bench.measuring.choice import expanded, metrics_of, primary
from bench.measuring.evaluation import Seen
from bench.measuring.separation import separation
from bench.metric import NotFinite, NotMeasured, Reason
from bench.metrics.discriminator import Discriminator, largest_slope, spectral_norms
from bench.metrics.feature_rank import effective_rank
from bench.metrics.forgetting import Forgetting
from bench.metrics.generator import Generator, singular_values
from bench.metrics.path import Path
from bench.metrics.turnover import Turnover, changes
from bench.networks import Checkpoint
from bench.registry import make_architecture, make_dataset, make_method
from tests.measured import subject_of
from tests.metrics.test_jacobian import game, on_ring


def planted(points: list[tuple[float, float]], matrix: list[list[float]]) -> Seen:
    """Checkpoints at points of the plane, in the field v = A ω."""
    a = torch.tensor(matrix)
    fields = [
        SimpleNamespace(weights=torch.tensor(point), at=lambda w: SimpleNamespace(value=a @ w))
        for point in points
    ]
    earlier = [Seen(None, torch.empty(0), play=lambda _, f=field: f) for field in fields[:-1]]
    return Seen(None, torch.empty(0), play=lambda _: fields[-1], earlier=earlier)


ROTATES, ATTRACTS = [[0.0, -1.0], [1.0, 0.0]], [[-1.0, 0.0], [0.0, -1.0]]


@pytest.mark.parametrize("turn", [0.3, 1.0, math.pi / 2])
def test_on_a_circle_the_path_angle_has_a_bump_and_every_step_turns(turn):
    circle = [(math.cos(k * turn), math.sin(k * turn)) for k in range(3)]
    found = Path().measure(planted(circle, ROTATES))
    assert found["path_length"] == pytest.approx(2 * math.sin(turn / 2), abs=1e-6)
    for end in ("start", "end"):
        assert found[f"path_angle_{end}"] == pytest.approx(math.cos(turn / 2), abs=1e-6)
    assert found["path_angle_middle"] == pytest.approx(1, abs=1e-6)
    assert found["path_norm"] == pytest.approx((2 + math.cos(turn / 2)) / 3, abs=1e-6)
    assert found["path_turn"] == pytest.approx(math.degrees(turn), abs=1e-3)


def test_on_a_straight_line_to_an_attractor_the_field_points_along():
    found = Path().measure(planted([(4.0, 4.0), (2.0, 2.0), (1.0, 1.0)], ATTRACTS))
    assert found["path_length"] == pytest.approx(math.sqrt(2))
    for place in ("start", "middle", "end"):
        assert found[f"path_angle_{place}"] == pytest.approx(1)
    assert found["path_norm"] == pytest.approx(1.5 * math.sqrt(2))
    assert found["path_turn"] == pytest.approx(0, abs=0.05)
    beyond = Path().measure(planted([(3.0, 0.0), (1.0, 0.0), (-1.0, 0.0)], ATTRACTS))
    assert (beyond["path_angle_start"], beyond["path_angle_end"]) == pytest.approx((1, -1))
    assert isinstance(beyond["path_angle_middle"], Reason)  # at the attractor the field is 0


def test_a_path_needs_a_checkpoint_before():
    with pytest.raises(NotMeasured, match="first"):
        Path().measure(planted([(1.0, 0.0)], ROTATES))
    first = Path().measure(planted([(2.0, 0.0), (1.0, 0.0)], ATTRACTS))
    assert isinstance(first["path_turn"], Reason)


def field_of_networks(discriminator, batch=512, latents=2) -> SimpleNamespace:
    own = torch.Generator().manual_seed(0)
    samples = [torch.randn((batch, 2), generator=own) * 2 for _ in range(2)]
    return SimpleNamespace(
        logits=lambda x: discriminator(x)[:, 0],
        packing=1,
        real=samples[0],
        generated=samples[1],
        latents=torch.randn((batch, latents), generator=own),
        discriminator_weights=dict(discriminator.named_parameters()),
    )


def test_the_slope_of_a_linear_discriminator_is_its_lipschitz_constant():
    linear = nn.Linear(2, 1)
    field = field_of_networks(linear)
    constant = float(linear.weight.detach().norm())
    assert largest_slope(field, field.real, field.generated) == pytest.approx(constant, rel=1e-6)
    assert spectral_norms(field.discriminator_weights) == pytest.approx([constant], rel=1e-6)


def test_the_slope_of_a_piecewise_linear_discriminator_is_that_of_its_steepest_piece():
    """ReLUs along both axes: slopes (0 or 3, 0 or −4), 5 in the steepest quadrant."""
    first, last = nn.Linear(2, 2), nn.Linear(2, 1)
    with torch.no_grad():
        first.weight.copy_(torch.eye(2))
        last.weight.copy_(torch.tensor([[3.0, -4.0]]))
        first.bias.zero_()
    field = field_of_networks(nn.Sequential(first, nn.ReLU(), last))
    assert largest_slope(field, field.real, field.generated) == pytest.approx(5, rel=1e-6)
    assert spectral_norms(field.discriminator_weights) == pytest.approx([1, 5], rel=1e-6)
    flat = -field.real.abs()
    assert largest_slope(field, flat, flat) == 0


def test_the_slope_by_a_pack_leaves_out_the_samples_beyond_the_last_one():
    """Packs of 4 of a batch of 10: D = Σ 3 x₀ + 4 x₁ of a pack has slope 5 · 2."""
    weights = torch.tensor([3.0, 4.0])
    field = SimpleNamespace(logits=lambda x: (x[:8].view(2, 4, 2) @ weights).sum(1), packing=4)
    assert largest_slope(field, torch.randn(10, 2), torch.randn(10, 2)) == pytest.approx(10)


def test_a_generator_that_ignores_its_latents_has_no_condition():
    constant = lambda z: torch.zeros(len(z), 3)  # noqa: E731
    for generator in (constant, lambda z: constant(z) + nn.Parameter(torch.ones(3))):
        with pytest.raises(NotMeasured, match="constant"):
            singular_values(generator, torch.randn(5, 2))
    with pytest.raises(NotFinite):
        singular_values(lambda z: z * float("nan"), torch.randn(5, 2))


def test_a_steep_place_between_samples_is_found():
    """A step of slope 10 over 0.4 < x < 0.6, flat at the samples 0 and 1 themselves."""
    field = SimpleNamespace(logits=lambda x: 10 * x[:, 0].clamp(0.4, 0.6), packing=1)
    ends = torch.zeros(8, 2), torch.ones(8, 2)
    assert largest_slope(field, *ends) == pytest.approx(10)


def test_an_overfitted_and_a_saturated_discriminator_are_told():
    """D(x) = 20 at training samples, −20 at generated, 0 at those held out."""
    field = field_of_networks(nn.Linear(2, 1))
    field.real, field.generated = torch.ones(8, 2), -torch.ones(8, 2)
    field.logits = lambda x: 20 * x[:, 0]
    subject = SimpleNamespace(real=torch.zeros(20, 2), dataset=SimpleNamespace())
    found = Discriminator().measure(Seen(subject, torch.empty(0), play=lambda _: field))
    accuracies = [found[f"d_accuracy_{part}"] for part in ("train", "held_out", "generated")]
    assert accuracies == [1, 0, 1]
    assert (found["d_gap"], found["d_overfitting"]) == (40, 0.5)
    assert (found["d_separation"], found["d_saturation"]) == (1, 1)


def test_a_spectrally_normalised_discriminator_has_layers_of_norm_one(tmp_path):
    field = on_ring(tmp_path, "spectral_norm")
    subject = subject_of(make_dataset("ring8"), tmp_path)
    found = Discriminator().measure(Seen(subject, torch.empty(0), play=lambda _: field))
    assert found["d_spectral_product"] == pytest.approx(1, abs=1e-3)
    assert 0 < found["d_slope"] <= 1 + 1e-3


def test_separation_is_the_area_under_the_curve():
    assert separation(torch.tensor([1.0, 2.0]), torch.tensor([0.0, -1.0])) == 1
    assert separation(torch.tensor([0.0]), torch.tensor([1.0, 0.0, -1.0])) == pytest.approx(0.5)
    one, other = torch.randn(50), torch.randn(70)
    by_hand = (one[:, None] > other).double().mean()
    assert separation(one, other) == pytest.approx(float(by_hand))


def test_the_condition_of_a_linear_generator_is_that_of_its_matrix():
    generator = nn.Linear(3, 5)
    u, _, v = torch.linalg.svd(torch.randn(5, 3), full_matrices=False)
    with torch.no_grad():
        generator.weight.copy_(u @ torch.diag(torch.tensor([10.0, 1.0, 0.01])) @ v)
    field = SimpleNamespace(latents=torch.randn(16, 3))
    seen = Seen(None, torch.empty(0), play=lambda _: field, players=(generator, None))
    found = Generator().measure(seen)
    assert found["g_condition"] == pytest.approx(3, abs=1e-3)
    assert found["g_stretch"] == pytest.approx(10, rel=1e-5)
    assert found["g_rank"] == 2
    values = singular_values(nn.Sequential(generator, nn.Tanh()), field.latents)
    assert values.shape == (16, 3)
    with torch.no_grad():
        generator.weight.zero_()
    with pytest.raises(NotMeasured, match="constant"):
        Generator().measure(seen)


def test_the_effective_rank_counts_directions():
    directions = torch.randn(4000, 5)
    even = effective_rank(torch.cat([directions, torch.zeros(4000, 3)], 1))
    assert even == pytest.approx(5, abs=0.02)
    assert effective_rank(directions[:, :1] @ torch.ones(1, 8)) == pytest.approx(1, abs=1e-6)
    with pytest.raises(NotMeasured, match="same"):
        effective_rank(torch.full((10, 4), 0.3))


def test_what_is_lost_and_found_again_is_counted():
    held = [frozenset(each) for each in ((), (0, 1), (1,), (0, 2), (2,))]
    found = changes(held)
    assert (found["modes_lost"], found["modes_found_again"], found["modes_forgotten"]) == (3, 1, 2)
    assert found["mode_turnover"] == pytest.approx((1 + 1 / 2 + 1 + 1 / 2) / 4)
    assert isinstance(changes([frozenset()] * 2)["mode_turnover"], Reason)


def samples_at(ring, modes: list[int]) -> torch.Tensor:
    return ring.centres()[modes].repeat_interleave(25, 0)


def test_turnover_and_forgetting_look_at_all_checkpoints(tmp_path):
    ring = make_dataset("ring8")
    subject = subject_of(ring, tmp_path)
    sets = [[], [0, 1], [2, 3], [0]]
    shown = [samples_at(ring, modes) for modes in sets]
    shown[0] = torch.full((100, 2), 9.0)
    # D is high on the right: mode 0 of the ring lies there, as do the data
    field = SimpleNamespace(logits=lambda x: x[:, 0], real=samples_at(ring, [0, 0]) - 0.1)
    earlier = [Seen(subject, samples) for samples in shown[:-1]]
    seen = Seen(subject, shown[-1], play=lambda _: field, earlier=earlier)
    found = Turnover().measure(seen)
    assert (found["modes_lost"], found["modes_found_again"]) == (4, 1)
    found = Forgetting().measure(seen)
    assert found["d_earlier_least"] == pytest.approx(0.5)
    assert found["d_earlier_mean"] == pytest.approx(0.75)
    assert found["d_forgotten"] == 0
    with pytest.raises(NotMeasured):
        Forgetting().measure(Seen(subject, shown[0], play=lambda _: field, earlier=earlier[:1]))


def test_a_family_is_asked_for_by_its_name_where_it_applies():
    ring, dirac, digits = (make_dataset(name) for name in ("ring8", "dirac", "digits8"))
    names = {part.name for part in expanded(["anatomy", "kid"], ring)}
    assert names == {
        "discriminator", "eigenvalues", "feature_rank", "forgetting", "generator", "jacobian",
        "path", "turnover", "kid",
    }  # fmt: skip
    assert "turnover" not in [part.name for part in expanded(["anatomy"], dirac)]
    assert "pixel_feature_rank" in [part.name for part in expanded(["anatomy"], digits)]
    (every,) = [p for p in expanded([{"anatomy": {"when": "every"}}], ring) if p.name == "jacobian"]
    assert every.hyperparameters == {"when": "every"}
    asked = metrics_of(digits, expanded(["anatomy"], digits))
    assert {m.name for m in asked if m.family} == {
        "discriminator", "eigenvalues", "feature_rank", "forgetting", "generator", "jacobian",
        "path",
    }  # fmt: skip
    assert not [m for m in metrics_of(ring) if m.family]


def test_what_is_neither_good_nor_bad_ranks_nothing():
    class Unranked(type(make_dataset("digits8"))):
        ranked_by = ()

    digits = Unranked()
    for asked in (["anatomy"], ["eigenvalues"]):
        assert not primary(metrics_of(digits, expanded(asked, digits)), digits).descriptive


@pytest.mark.parametrize("batch_norm", [False, True])
def test_batch_normalised_networks_and_packs_have_a_game(tmp_path, batch_norm):
    method = make_method("pacgan")
    options = {"generator_widths": [6], "discriminator_widths": [6], "latent": 2}
    pair = make_architecture("mlp", {**options, "discriminator_batch_norm": batch_norm,
                                     "generator_batch_norm": batch_norm})  # fmt: skip
    networks = {"generator": pair.generator((2,)), "discriminator": pair.discriminator((4,))}
    tensors = {
        name: dict(net.named_parameters()) | dict(net.named_buffers())
        for name, net in networks.items()
    }
    detached = {n: {k: t.detach().clone() for k, t in own.items()} for n, own in tensors.items()}
    subject = subject_of(make_dataset("ring8"), tmp_path)
    field = game(method, subject, pair, Checkpoint(50, 50, detached))
    at = field.at(field.weights)
    assert at.pulled(torch.ones_like(field.weights)).norm() > 0
    assert field.logits(field.real).shape == (len(field.real) // 2,)
    for name, kept in detached.items():
        for key, tensor in tensors[name].items():
            assert torch.equal(kept[key], tensor), key  # nothing ran into the stored buffers
    found = Discriminator().measure(Seen(subject, torch.empty(0), play=lambda _: field))
    assert all(isinstance(v, Reason) or math.isfinite(v) for v in found.values())
