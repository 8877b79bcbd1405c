"""The rules of a diagnosis: one object each, in the order in which they are tried.

Another rule is one function and one entry of ``RULES``; docs/diagnosis.md states all of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from bench.diagnosis.run import HELD, LATE, SPAN, Run, held, shown
from bench.diagnosis.swings import swing
from bench.metrics.gradients import PLAYERS

EXPLODED = 1000.0
"""Times the level of a run's first tenth. In runs of `quick` that work the generator's norm grows
up to 93 times, as samples come close to a narrow mode; ten times that is no healthy one's."""
VANISHED = 1e-3
"""Of the highest level before: what training moves by is lost in that of a single batch, whose
norms differ by a few per cent."""
LONG = 5
"""Stretches, of 100, on which a level must hold to the end."""
CERTAIN, SATURATED = 0.95, 1 / 3
"""ROC AUC of real against generated samples, and share of logits that leave less than 0.7 % of the
gradient. At the end, runs of `quick` that work have at most 0.89 and 0.06."""
SEPARATES = 0.75
"""ROC AUC from which a discriminator distinguishes samples: below it, ratios to its logit gap are
noise."""
OVERFITTED = 0.25
"""Of the logit gap between training and held-out samples; with 256 of each, runs on data drawn
without end reach 0.18 at two checkpoints in a row."""
FORGOTTEN, LEAST = 1 / 3, 0.4
"""Share of earlier checkpoints that look more real than data, and how sure one of them is: ½ less
four standard errors of 256 samples."""
AHEAD, BEHIND, TURNS = 0.6, 0.4, 2
"""ROC AUC from which the discriminator, or down to which the generator, has the lead: ½ and four
standard errors of 256 samples; and at how many checkpoints of the second half each must have it."""
COMES_AND_GOES = 0.25
"""Of what has been gained: a fall between neighbouring checkpoints that is made good again."""
ROTATES = 0.9
"""|Im λ|/|λ|: the rotation turns by twice what it draws in."""
FEW, GOOD = 0.5, 0.5
"""Of what real samples get: the effective rank of features from which down a generator has
collapsed, and the share of high quality from which on it is no longer learning to hit a mode."""
UNMOVED = 1e-3
"""Relative change of every number of the samples since the start."""


class Extent(NamedTuple):
    """How much a collapsed run holds, and of how much."""

    held: float
    of: float
    unit: str

    def __str__(self) -> str:
        return f"{shown(self.held)} of {shown(self.of)} {self.unit}"


class Found(NamedTuple):
    """What a rule has found: since which discriminator update, in which numbers, how far."""

    since: int | None
    """None where it has no beginning."""
    told: str
    extent: Extent | None = None


@dataclass(frozen=True)
class Rule:
    """A diagnosis: its name, what it means, what it needs and how it is found."""

    kind: str
    meaning: str
    needs: tuple[str, ...]
    """Quantities without which it cannot be found; ``a or b`` is satisfied by either."""
    find: Callable[[Run], Found | None]

    def lacking(self, run: Run) -> tuple[str, ...]:
        """Which of its needs were not measured."""
        return tuple(
            each for each in self.needs if not any(run.named(name) for name in each.split(" or "))
        )


def diverged(run: Run) -> Found | None:
    if run.record.status != "diverged":
        return None
    return Found(run.end, run.record.reason)


def healthy(run: Run) -> Found | None:
    place = held(run.works[1:], LATE if run.improving else HELD)
    if place is None:
        return None
    name, value, since = run.quantity.label, run.last(run.quantity.name), run.updates[1 + place]
    told = f"{name} {shown(value)} at the end, {run.goal_is} being {shown(run.goal)}"
    return Found(int(since), f"{told}, reached late" if run.improving else told)


def exploding(run: Run) -> Found | None:
    for player in PLAYERS:
        begins, levels = run.levels(f"{player}_norm")
        if levels.size < 2:
            continue
        first = float(np.median(levels[: max(1, levels.size // 10)]))
        above = levels > EXPLODED * first
        least = 1 if run.record.status == "diverged" else LONG
        place = held(above, least) if above[-1] else None
        if place is not None and first > 0 and place > 0:
            times = float(levels[place:].max() / first)
            grown = f"{shown(times)} times" if np.isfinite(times) else "beyond every number"
            told = f"the {player}'s gradient norm grew {grown} over its first level {shown(first)}"
            return Found(int(begins[place]), told)
    return None


def stuck(run: Run) -> Found | None:
    if len(run.record.evaluations) < 2 or vanishing(run) is not None:
        return None
    moved = []
    for name in run.record.evaluations[0]:
        if name in ("update", "generator_update") or name.startswith(("d_", "path_", "game_")):
            continue
        values = run.at(name)
        if values.size > 1 and np.isfinite(values).all():
            moved.append(float(np.abs(values - values[0]).max() / max(abs(values[0]), 1e-12)))
    if not moved or max(moved) > UNMOVED:
        return None
    _, levels = run.levels("generator_norm")
    told = "every number of the samples is that of the start to 0.1 %"
    return Found(0, f"{told}, though the generator's gradient norm is {shown(levels[-1])}")


def saturated(run: Run) -> Found | None:
    apart, beyond = run.at("d_separation"), run.at("d_saturation")
    place = held((apart >= CERTAIN) & (beyond >= SATURATED), 2)
    _, losses = run.levels("discriminator_loss")
    # a critic's loss falls with its gap, and no logit of it is too large
    if place is None or losses[-1] < 0:
        return None
    told = (
        f"the discriminator distinguishes real from generated samples (ROC AUC {apart[-1]:.2f}), "
        f"and {beyond[-1]:.0%} of its logits leave less than 0.7 % of the gradient"
    )
    return Found(int(run.updates[place]), told)


def vanishing(run: Run) -> Found | None:
    begins, levels = run.levels("generator_norm")
    # where the goal is reached, little gradient is what is wanted
    if levels.size < 2 or run.works[-1:].any():
        return None
    highest = np.maximum.accumulate(levels)
    place = held(levels <= VANISHED * highest, min(LONG, levels.size - 1))
    if place is None or place == 0:
        return None
    told = f"the generator's gradient norm fell from {shown(highest[-1])} to {shown(levels[-1])}"
    return Found(int(begins[place]), told)


def overfitted(run: Run) -> Found | None:
    beyond, apart = run.at("d_overfitting"), run.at("d_separation")
    place = held((beyond >= OVERFITTED) & (apart >= SEPARATES), 2)
    if place is None:
        return None
    told = (
        f"held-out samples lie {beyond[-1]:.0%} of the logit gap nearer to generated ones than "
        "training samples do"
    )
    return Found(int(run.updates[place]), told)


def circling(run: Run) -> Found | None:
    if run.improving is not None:
        return None
    for player in PLAYERS:
        loss = run.loss(player)
        found = swing(loss)
        if found is not None:
            scale = run.end / loss.size
            told = (
                f"the {player}'s loss swings with a period of {round(found.period * scale):,} "
                f"updates without settling (autocorrelation {found.peak:.2f} after one)"
            )
            return Found(round(found.since * scale), told)
    return _lead_changes(run) or _comes_and_goes(run)


def _lead_changes(run: Run) -> Found | None:
    """Find a discriminator that distinguishes samples at some checkpoints, and not at others."""
    apart = run.at("d_separation")
    late = apart[apart.size // 2 :]
    if min((late >= AHEAD).sum(), (late <= BEHIND).sum()) < TURNS:
        return None
    told = (
        f"the lead changes hands: the discriminator's ROC AUC for real against generated samples "
        f"goes from {late.min():.2f} to {late.max():.2f}, 0.5 being chance"
    )
    return Found(int(run.updates[1 + int(np.argmax(apart[1:] <= BEHIND))]), told)


def _comes_and_goes(run: Run) -> Found | None:
    """The last iterate's metric falls and rises, in a game whose Jacobian rotates."""
    rotation = run.last("game_rotation")
    if not rotation >= ROTATES:
        return None
    name = run.quantity.name
    values = run.at(f"{name}_last" if run.named(f"{name}_last") else name)
    late = values[values.size // 2 :]
    if np.isnan(values).any() or late.size < 2 * TURNS:
        return None
    sign = 1.0 if run.quantity.higher_is_better else -1.0
    score = sign * values
    enough = COMES_AND_GOES * (score.max() - score[0])
    falls = [
        place
        for place in range(score.size - 1)
        if score[place] - score[place + 1] >= enough > 0
        and score[place + 1 :].max() - score[place + 1] >= enough
    ]
    if sum(place >= values.size // 2 for place in falls) < TURNS:
        return None
    told = (
        f"the last generator's {run.quantity.label} goes from {shown(late.min())} to "
        f"{shown(late.max())} and back, and the game's Jacobian rotates (|Im λ|/|λ| "
        f"{rotation:.2f})"
    )
    return Found(int(run.updates[falls[0]]), told)


def forgetting(run: Run) -> Found | None:
    share, least = run.last("d_forgotten"), run.last("d_earlier_least")
    if not (share >= FORGOTTEN and least <= LEAST):
        return None
    told = (
        f"samples of {share:.0%} of the earlier checkpoints look more real than data to the last "
        f"discriminator (ROC AUC down to {least:.2f}), where it is measured"
    )
    return Found(int(run.updates[-1]), told)


def collapsed(run: Run) -> Found | None:
    if run.improving is not None:
        return None
    quantity = run.quantity
    if quantity.ceiling is not None and quantity.ceiling > 1:
        return _few_modes(run)
    ranks, floor = run.at("feature_rank"), run.floor("feature_rank")
    if floor is None:
        return None
    place = held(ranks[1:] <= FEW * floor, 2)
    if place is None:
        return None
    told = f"the samples' features have effective rank {ranks[-1]:.2g}, real ones {floor:.2g}"
    extent = Extent(float(ranks[-1]), floor, "effective dimensions")
    return Found(int(run.updates[1 + place]), told, extent)


def _few_modes(run: Run) -> Found | None:
    modes, quantity = run.scores, run.quantity
    if modes.size < 2 or run.works[-1] or np.isnan(modes).any() or modes[-1] < 1:
        return None
    quality, real = run.last("high_quality"), run.floor("high_quality")
    if real is not None and quality < GOOD * real:
        return None
    late = modes[-HELD_FOR_MODES:].max()
    more = np.flatnonzero(modes > late)
    # after more were held for the last time; or since as many were held for the first time
    since = int(more[-1]) + 1 if more.size else int(np.argmax(modes == late))
    extent = Extent(float(modes[-1]), float(quantity.ceiling or 0), "modes")
    told = f"{extent} are held, and no more since"
    if more.size:
        best = int(np.argmax(modes))
        told += f"; {shown(modes[best])} were at update {run.updates[best]:,}"
    return Found(int(run.updates[since]), told, extent)


HELD_FOR_MODES = 3
"""Checkpoints whose most modes are what a run holds."""


def not_yet_trained(run: Run) -> Found | None:
    quantity = run.improving
    if quantity is None or run.works[-1]:
        return None
    values = run.at(quantity.name)
    place = values.size - 1 - round(SPAN * (values.size - 1))
    told = f"{quantity.label} still improves: {shown(values[place])} at update "
    return Found(None, told + f"{run.updates[place]:,}, {shown(values[-1])} at the end")


SERIES = ()
RULES: tuple[Rule, ...] = (
    Rule("diverged", "A loss, gradient or weight is not finite, which ended the run.", SERIES,
         diverged),
    Rule("healthy", "The metric that ranks holds its goal to the end.", SERIES, healthy),
    Rule("stuck", "The generator does not move, though it has a gradient.", SERIES, stuck),
    Rule("exploding", "A player's gradients have grown beyond what any healthy run shows.",
         SERIES, exploding),
    Rule("saturated discriminator", "The discriminator is so sure of itself that little gradient "
         "is left.", ("d_separation", "d_saturation"), saturated),
    Rule("vanishing", "The generator's gradient is gone, for whatever reason.", SERIES, vanishing),
    Rule("overfitted", "The discriminator distinguishes its training samples from held-out ones.",
         ("d_overfitting", "d_separation"), overfitted),
    Rule("circling", "The players chase each other without coming closer to anything.", SERIES,
         circling),
    Rule("forgetting", "The discriminator takes for data what it once rejected.",
         ("d_forgotten", "d_earlier_least"), forgetting),
    Rule("collapsed", "The samples are good and of a part of the data only, and training no longer "
         "mends that.", SERIES, collapsed),
    Rule("not yet trained", "The metric that ranks still improves, and misses its goal.",
         SERIES, not_yet_trained),
)  # fmt: skip
"""In the order in which they are tried: what ends a run, whether there is anything to explain, then
causes before what they bring about."""
