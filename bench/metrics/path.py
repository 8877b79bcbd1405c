"""How training moves between checkpoints (Bérard et al. 2020, section 3)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor

from bench.metric import Evaluation, Facts, Metric, Need, NotMeasured, Quantity, Results
from bench.values import Count

PLACES = {"start": 0.0, "middle": 0.5, "end": 1.0}


@dataclass(frozen=True)
class Path(Metric):
    """Angle between field and path, and the field's norm, from the checkpoint before."""

    needs: ClassVar[Need] = "game"
    by_default: ClassVar[bool] = False
    family: ClassVar[str] = "anatomy"

    batch: Count = 256

    def quantities(self, dataset: Facts) -> tuple[Quantity, ...]:
        angles = tuple(
            (f"path_angle_{name}", f"path angle, {name}", "cosine between the field and the way "
             f"from the checkpoint before, at its {name}: 1 along it, 0 across", True)
            for name in PLACES
        )  # fmt: skip
        told = (
            ("path_length", "path length", "distance of both players' weights from the checkpoint "
             "before", False),
            *angles,
            ("path_norm", "path norm", "norm of the field, mean over start, middle and end of that "
             "way", False),
            ("path_turn", "path turn", "angle between that way and the one before it, degrees: 0 "
             "straight, 180 back", False),
        )  # fmt: skip
        return tuple(Quantity(*each, digits=3, group="Path", descriptive=True) for each in told)

    def not_applicable(self, dataset: Facts) -> str | None:
        return None

    def measure(self, seen: Evaluation) -> Results:
        if not seen.earlier:
            raise NotMeasured("there is no checkpoint before the first one")
        field = seen.game(self.batch)
        before = seen.earlier[-1].game(self.batch).weights
        way = field.weights - before
        length = float(way.norm())
        found: Results = {"path_length": length}
        norms = []
        for name, place in PLACES.items():
            v = field.at(before + place * way).value
            norms.append(float(v.norm()))
            found[f"path_angle_{name}"] = _undefined_or(_cosine(v, way))
        found["path_norm"] = sum(norms) / len(norms)
        if len(seen.earlier) > 1:
            turn = _cosine(before - seen.earlier[-2].game(self.batch).weights, way)
            found["path_turn"] = _undefined_or(None if turn is None else degrees(turn))
        else:
            found["path_turn"] = NotMeasured("a turn takes two checkpoints before it").reason
        return found


def _cosine(one: Tensor, other: Tensor) -> float | None:
    norms = float(one.double().norm() * other.double().norm())
    return float(one.double() @ other.double()) / norms if norms > 0 else None


def degrees(cosine: float) -> float:
    return math.degrees(math.acos(max(-1.0, min(1.0, cosine))))


def _undefined_or(value: float | None) -> Any:
    return NotMeasured("nothing moved, or the field is 0").reason if value is None else value
