"""The values that hyperparameters may have: types that state a range, as in ``rate: Positive = 1``.

Any other range is stated in place: ``Annotated[float, Interval(ge=0.5, lt=2)]``. Infinities and NaN
are refused everywhere.
"""

from __future__ import annotations

from typing import Annotated

from annotated_types import Ge, Gt, Interval

Positive = Annotated[float, Gt(0)]
NonNegative = Annotated[float, Ge(0)]
Share = Annotated[float, Interval(ge=0, le=1)]
Decay = Annotated[float, Interval(ge=0, lt=1)]
"""Of a moving average: how much of the old one stays."""
Unbounded = Annotated[float, Interval()]
"""Any finite number, for a hyperparameter that has no ends."""
Count = Annotated[int, Ge(1)]
CountFrom0 = Annotated[int, Ge(0)]
CountFrom2 = Annotated[int, Ge(2)]
