"""The Dirac-GAN through the engine: G(z) = θ, D(x) = ψx, all data at 0 (Mescheder et al. 2018)."""

import numpy as np
import torch

from bench.architectures.dirac import DiracPair
from bench.datasets.dirac import Dirac
from bench.method import Method
from bench.networks import Checkpoint
from bench.training.configuration import TrainingConfiguration
from bench.training.game import Rules
from bench.training.loop import Training
from bench.training.population import Network
from bench.training.streams import MemberNoise, Stream
from tests.measured import with_networks
from tests.methods.by_formula import SameBatches, begin

H = 0.2


class EvenNoise:
    """Quantiles of a normal distribution, of variance 1 exactly, the same for every draw."""

    def __init__(self, members: int, batch: int):
        half = torch.distributions.Normal(0.0, 1.0).icdf((torch.arange(batch) + 0.5) / batch)
        self.values = (half / half.square().mean().sqrt())[None, :, None].repeat(members, 1, 1)

    def normal(self, *shape: int) -> torch.Tensor:
        return self.values


def path(
    method: Method, simultaneous: bool = True, updates: int = 500, every: int = 1, batch: int = 2
) -> np.ndarray:
    """(θ, ψ) from (1, 1) on, every so many discriminator updates of plain gradient steps."""
    training = Training(
        method,
        Dirac(),
        DiracPair(),
        TrainingConfiguration(
            optimizer="sgd", learning_rate=H, batch_size=batch, simultaneous=simultaneous
        ),
        updates,
        updates // every,
    )
    (trained,), networks = with_networks(training, [0])
    assert trained.status == "ok", trained.reason
    return positions(networks[0])


def positions(checkpoints: list[Checkpoint]) -> np.ndarray:
    """(θ, ψ) of each: (T, 2)."""
    return np.array(
        [
            (
                float(each.generator("last")["theta"]),
                float(each.players["discriminator"]["psi.weight"]),
            )
            for each in checkpoints
        ]
    )


def radius(points: np.ndarray) -> np.ndarray:
    return np.linalg.norm(points, axis=1)


def velocity(method: Method, points: list, noise=None, batch: int = 2) -> np.ndarray:
    """How far one simultaneous round of rate 1 moves each (θ, ψ): (N, 2)."""
    seeds, device, pair = list(range(len(points))), torch.device("cpu"), DiracPair()
    generator = Network(lambda: pair.generator((1,)), seeds, Stream.GENERATOR_WEIGHTS, device)
    discriminator = Network(
        lambda: pair.discriminator((1,)), seeds, Stream.DISCRIMINATOR_WEIGHTS, device
    )
    start = torch.tensor(points)
    generator.flat, discriminator.flat = start[:, :1], start[:, 1:]
    unit = TrainingConfiguration(optimizer="sgd", learning_rate=1.0, simultaneous=True)
    rules = Rules(method, generator, discriminator, unit)
    zeros = torch.zeros(len(seeds), batch, 1)
    feed = SameBatches(
        noise or MemberNoise(seeds),
        1.0,
        real=zeros,
        discriminator_latents=zeros,
        generator_latents=zeros,
    )
    game = begin(rules, feed, seeds)
    method.update(game)
    after = game.state()
    moved = torch.cat([after.generator, after.discriminator], 1)
    return (moved - start).double().numpy()


def eigenvalues(method: Method, noise=None, batch: int = 2) -> np.ndarray:
    """Of the Jacobian of the engine's own steps at (0, 0), by central differences."""
    e = 0.05
    step = velocity(method, [(e, 0.0), (-e, 0.0), (0.0, e), (0.0, -e)], noise, batch)
    jacobian = np.stack([step[0] - step[1], step[2] - step[3]], axis=1) / (2 * e)
    return np.sort_complex(np.linalg.eigvals(jacobian))


def pair(middle: float, square: float) -> np.ndarray:
    """middle ± √square."""
    root = np.emath.sqrt(square)
    return np.sort_complex(np.array([middle - root, middle + root], dtype=complex))


def assert_cycles(points: np.ndarray, smallest: float, largest: float) -> None:
    """The late path keeps its distance and keeps going round (0, 0)."""
    late = points[len(points) // 2 :]
    assert smallest < radius(late).min()
    assert radius(points).max() < largest
    for coordinate in late.T:
        assert (np.diff(np.sign(coordinate)) != 0).sum() >= 2
