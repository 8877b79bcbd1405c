"""A generator that does not move."""

from dataclasses import dataclass

from bench.method import Method, Optimizer


@dataclass(frozen=True)
class Frozen(Method):
    """The non-saturating GAN with a generator whose steps are too small to matter."""

    on_request = True

    def optimizers(self, base: Optimizer) -> tuple[Optimizer, Optimizer]:
        return base.scaled(1e-9), base
