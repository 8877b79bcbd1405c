"""Seeds that are added until a study's question is decided: what its file says of them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

Whole = Annotated[int, Field(strict=True)]


class Deciding(BaseModel):
    """The seeds of a sequential study: in batches, for what is still open after each of them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    start: Annotated[Whole, Field(gt=1)] = 5
    """Seeds of the first batch."""
    step: Annotated[Whole, Field(gt=0)] = 5
    """Seeds that a batch adds to methods whose comparisons are open."""
    most: Annotated[Whole, Field(gt=1)] = 30
    """Seeds of a method after which it gets no more."""
    error: Annotated[float, Field(strict=True, gt=0, le=0.5)] = 0.05
    """Probability of any wrong "differs" among the pairs of a dataset, at most."""
    decide: Literal["best", "baseline"] | float = "best"
    """The best method, every method against ``baseline``, or a share of the pairs."""
    baseline: str = ""
    """Label of the method that the others are compared with."""

    @field_validator("decide", mode="before")
    @classmethod
    def _known(cls, value: Any) -> Any:
        if value not in ("best", "baseline") and not (
            isinstance(value, int | float) and value is not True and 0 < value <= 1
        ):
            raise ValueError("give best, baseline, or a share of the pairs above 0 and at most 1")
        return value

    @model_validator(mode="after")
    def _fits(self) -> Deciding:
        if self.most < self.start:
            raise ValueError(f"most ({self.most}) is less than start ({self.start})")
        if (self.decide == "baseline") != bool(self.baseline):
            raise ValueError("decide: baseline and baseline: NAME need each other")
        return self

    @property
    def looks(self) -> tuple[int, ...]:
        """Seeds of a method after each batch."""
        return (*range(self.start, self.most, self.step), self.most)
