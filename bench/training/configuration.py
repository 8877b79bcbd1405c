"""How players are trained: what a study states, beside methods, data, networks and budget."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from bench.method import Optimizer

Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Beta = Annotated[Number, Field(ge=0, lt=1)]
Whole = Annotated[int, Field(strict=True)]


@dataclass(
    frozen=True, kw_only=True, config=ConfigDict(extra="forbid", use_attribute_docstrings=True)
)
class TrainingConfiguration:
    """The base optimiser and how it is applied; methods state their changes relative to it.

    All that is said of an option is said here: study files are checked by its type, and the key's
    ingredients, records, tables, the export and the documents take its name, its docstring as its
    meaning, and its unit. None leaves a choice to each method.
    """

    optimizer: Literal["adam", "rmsprop", "sgd"] = "adam"
    """Optimiser of both players."""
    learning_rate: Annotated[Number, Field(gt=0)] = 2e-4
    """Learning rate of both players; a method may change it relative to this."""
    betas: tuple[Beta, Beta] = (0.5, 0.999)
    """Decay rates of Adam's averages, of gradients and of their squares; rmsprop and sgd do not
    read them."""
    batch_size: Annotated[Whole, Field(gt=1, le=65_536, json_schema_extra={"unit": "samples"})] = 64
    """Samples in a batch."""
    simultaneous: Annotated[bool, Field(strict=True)] = False
    """Whether both players move from the same point."""
    critic_steps: Annotated[
        Whole | None, Field(gt=0, le=1_000, json_schema_extra={"unit": "updates"})
    ] = None
    """Discriminator updates for one of the generator, for all methods; without it each has its
    own."""
    decay: Literal["none", "linear"] = "none"
    """How learning rates fall over the budget: not at all, or evenly to 0."""
    ema: Annotated[Number | None, Field(gt=0, lt=1)] = 0.999
    """Decay of the moving average of the generator's weights, which is kept beside training; a
    method with one of its own keeps that. None: of no other method."""
    precision: Literal["float32", "tf32", "bfloat16"] = "float32"
    """Precision of matrix products and convolutions; a CPU has no tf32."""

    @property
    def base_optimizer(self) -> Optimizer:
        """The optimiser that methods derive both players' from."""
        return Optimizer(self.optimizer, self.learning_rate, self.betas)
