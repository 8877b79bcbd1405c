"""Trials in a database of their own: Optuna's, one of its studies for each search.

Trial 0 holds the study's own values. The values of trial n depend on n and on each parameter's
name and range alone, so that equal numbers try equal learning rates whatever the method, and a
database that is lost, or whose run was killed, is filled with the same trials again. A trial is
written whole before it is run.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.samplers import RandomSampler
from optuna.trial import FrozenTrial, TrialState, create_trial
from sqlalchemy.exc import SQLAlchemyError

from bench.errors import BenchError
from bench.records.fingerprint import digest
from bench.tuning.search import Search, Trial
from bench.tuning.space import Choice, Range, Value, Values, rounded

SEED = 0
"""Of the draw of all values."""

_INGREDIENTS, _METHOD, _PLACE, _TOLD = "ingredients", "method", "place", "told"
_STATES = {TrialState.COMPLETE: "ok", TrialState.FAIL: "failed"}


class Database:
    """The trials of one study's searches. The caller holds the results folder's lock.

    Raises:
        BenchError: whatever goes wrong with the file, with what to do.
    """

    def __init__(self, file: Path):
        self.file = file
        self._known: dict[str, optuna.Study] = {}
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        with self._guarded():
            self._storage = optuna.storages.RDBStorage(f"sqlite:///{file}")

    def close(self) -> None:
        self._storage.remove_session()
        self._storage.engine.dispose()

    def fill(self, search: Search, count: int) -> None:
        """Ask for trials until there are ``count``."""
        with self._guarded():
            study = self._study(search)
            for number in range(len(study.get_trials(deepcopy=False)), count):
                values = search.start if number == 0 else draw(search, number)
                study.add_trial(
                    create_trial(
                        state=TrialState.RUNNING,
                        params=values,
                        distributions={n: _distribution(k) for n, k in search.space.items()},
                    )
                )

    def trials(self, search: Search, count: int) -> list[Trial]:
        """The first ``count`` trials, by number."""
        with self._guarded():
            found = self._study(search).get_trials(deepcopy=False)
        return [_trial(each) for each in found[:count]]

    def tell(self, search: Search, trial: Trial) -> None:
        """Keep what became of a trial. To be killed on the way leaves it open."""
        with self._guarded():
            study = self._study(search)
            place = study.get_trials(deepcopy=False)[trial.number]._trial_id
            told = {
                "scores": {str(seed): score for seed, score in trial.scores.items()},
                "reason": trial.reason,
                "seconds": trial.seconds,
            }
            self._storage.set_trial_user_attr(place, _TOLD, told)
            if trial.state == "ok":
                study.tell(trial.number, trial.score)
            elif trial.state == "failed":
                study.tell(trial.number, state=TrialState.FAIL)

    def unused(self, searches: Sequence[Search]) -> list[str]:
        """Trials of these methods on these datasets that were made under other conditions."""
        names = {search.name for search in searches}
        lines = []
        with self._guarded():
            others = [
                study
                for study in optuna.get_all_study_summaries(self._storage)
                if study.study_name not in names and study.n_trials
            ]
        for search in searches:
            alike = [s.user_attrs for s in others if _place(s.user_attrs) == _place_of(search)]
            if not alike:
                continue
            changed = min((_changed(search, a[_INGREDIENTS]) for a in alike), key=len)
            lines.append(
                f"{search.method} on {search.cell.dataset.label}: trials made under other "
                f"conditions are kept in {self.file.name} and not used; "
                f"not the same: {', '.join(changed)}"
            )
        return lines

    def _study(self, search: Search) -> optuna.Study:
        if search.name not in self._known:
            study = optuna.create_study(
                storage=self._storage,
                sampler=RandomSampler(),
                study_name=search.name,
                direction="maximize" if search.metric.higher_is_better else "minimize",
                load_if_exists=True,
            )
            # a run may have been killed between these
            for name, value in {
                _METHOD: search.method,
                _PLACE: _place_of(search)[1],
                _INGREDIENTS: search.ingredients,
            }.items():
                if name not in study.user_attrs:
                    study.set_user_attr(name, value)
            self._known[search.name] = study
        return self._known[search.name]

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            yield
        except (SQLAlchemyError, optuna.exceptions.StorageInternalError, RuntimeError) as error:
            cause = str(getattr(error, "orig", None) or error.__cause__ or error)
            if "locked" in cause:
                mend = "another program holds it; close that and run again"
            else:
                mend = (
                    "rename it and run again: the same trials are asked for, and those whose cells "
                    "are stored are not trained again"
                )
            told = " ".join(cause.split())
            raise BenchError(
                f"the tuning database '{self.file}' cannot be used ({told}); {mend}"
            ) from error


@contextmanager
def opened(file: Path) -> Iterator[Database]:
    """The database, closed at the end."""
    with closing(Database(file)) as database:
        yield database


def draw(search: Search, number: int) -> Values:
    """The values of trial ``number``, each parameter's from a seed of its own."""
    return {
        name: _draw(known, int(digest([SEED, number, name])[:8], 16))
        for name, known in search.space.items()
    }


def _draw(known: Range | Choice, seed: int) -> Value:
    study: Any = None  # neither is looked at by this sampler
    drawn = RandomSampler(seed).sample_independent(study, study, "", _distribution(known))
    if isinstance(known, Range) and not known.whole:
        return min(max(rounded(drawn), known.low), known.high)
    return drawn


def _distribution(known: Range | Choice) -> BaseDistribution:
    if isinstance(known, Choice):
        return CategoricalDistribution(known.values)
    if known.whole:
        return IntDistribution(int(known.low), int(known.high), log=known.log)
    return FloatDistribution(known.low, known.high, log=known.log)


def _trial(found: FrozenTrial) -> Trial:
    told = found.user_attrs.get(_TOLD, {})
    return Trial(
        found.number,
        dict(found.params),
        _STATES.get(found.state, "open"),  # type: ignore[arg-type]
        found.value if found.state == TrialState.COMPLETE else None,
        {int(seed): score for seed, score in told.get("scores", {}).items()},
        told.get("reason", ""),
        told.get("seconds", 0.0),
    )


def _place_of(search: Search) -> tuple[str, str]:
    """Where a user looks for it, whatever its ingredients."""
    cell = search.cell
    return search.method, f"{cell.dataset.name} {cell.architecture.name}"


def _place(attributes: dict[str, Any]) -> tuple[Any, Any]:
    return attributes.get(_METHOD), attributes.get(_PLACE)


def _changed(search: Search, had: dict[str, Any]) -> list[str]:
    names = sorted(search.ingredients.keys() | had.keys())
    return [n for n in names if digest(search.ingredients.get(n)) != digest(had.get(n))]
