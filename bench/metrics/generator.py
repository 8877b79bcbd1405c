"""How the generator maps latents to samples (Odena et al. 2018)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from bench.metric import Evaluation, Facts, Metric, Need, NotFinite, NotMeasured, Quantity, Results
from bench.values import Count


@dataclass(frozen=True)
class Generator(Metric):
    """Condition of the generator's Jacobian at latents: how unevenly it stretches directions."""

    needs: ClassVar[Need] = "game"
    by_default: ClassVar[bool] = False
    family: ClassVar[str] = "anatomy"

    batch: Count = 256
    latents: Count = 64

    def quantities(self, dataset: Facts) -> tuple[Quantity, ...]:
        told = (
            ("g_condition", "G condition", "log₁₀ of the largest over the least singular value of "
             "dG/dz, mean over latents", False),
            ("g_stretch", "G stretch", "largest singular value of dG/dz, mean over latents", False),
            ("g_rank", "G rank", "singular values of dG/dz of at least 1 % of the largest, mean "
             "over latents", True),
        )  # fmt: skip
        return tuple(
            Quantity(*each, digits=3, group="The generator", descriptive=True) for each in told
        )

    def not_applicable(self, dataset: Facts) -> str | None:
        return None

    def measure(self, seen: Evaluation) -> Results:
        values = singular_values(seen.generator, seen.game(self.batch).latents[: self.latents])
        largest, least = values.amax(1), values.amin(1)
        if not bool((largest > 0).all()):
            raise NotMeasured("at some latent the generator is constant")
        lost = NotMeasured("at some latent the generator's Jacobian has no full rank").reason
        full = bool((least > 0).all())
        return {
            "g_condition": float((largest / least).log10().mean()) if full else lost,
            "g_stretch": float(largest.mean()),
            "g_rank": float((values >= 0.01 * largest[:, None]).sum(1).double().mean()),
        }


def singular_values(generator: nn.Module, latents: Tensor) -> Tensor:
    """Return those of dG/dz at each latent: (n, Z) → (n, min(d, Z)), d numbers in a sample.

    The Jacobians' columns come from differentiating a pull u ↦ (dG/dz)ᵀ u, which is linear in u.
    """
    with torch.enable_grad():
        latents = latents.detach().requires_grad_()
        samples = generator(latents).flatten(1)
        if not samples.requires_grad:
            raise NotMeasured("at some latent the generator is constant")
        u = torch.zeros_like(samples, requires_grad=True)
        (pull,) = torch.autograd.grad(samples, latents, u, create_graph=True, allow_unused=True)
        if pull is None:
            raise NotMeasured("at some latent the generator is constant")
    axes = torch.eye(latents.shape[1], device=latents.device)
    columns = [
        torch.autograd.grad(pull, u, axis.expand_as(pull), retain_graph=True)[0] for axis in axes
    ]
    jacobian = torch.stack(columns, 2).double()
    if not bool(jacobian.isfinite().all()):
        raise NotFinite("the generator's Jacobian is not finite")
    return torch.linalg.svdvals(jacobian)
