"""Results folders as they lie: read, and not changed by it."""

from __future__ import annotations

from pathlib import Path

from bench.errors import BenchError
from bench.records.record import Record
from bench.records.store import Store


class Untouched(Store):
    """A store that is looked at alone: what is damaged stays where it is, and is told.

    The folder may belong to someone else, or be read-only.
    """

    def _set_aside_measurements(self, folder: Path, error: Exception) -> None:
        self.set_aside.append(f"the measurements in {folder} cannot be read ({error})")

    def _set_aside(self, folder: Path, error: Exception) -> None:
        self.set_aside.append(
            f"record {folder} cannot be read and was left out ({type(error).__name__}: {error})"
        )


def open_results(results: Path) -> tuple[list[Record], list[str]]:
    """Every record that can be read below a results folder, by key, and what cannot, a line each.

    Raises:
        BenchError: as :func:`opened`.
    """
    store = opened(results)
    return list(store.records.values()), store.set_aside


def opened(results: Path) -> Untouched:
    """Read a results folder that holds at least one sound record.

    Raises:
        BenchError: there is no such folder, it holds no record, or one of a newer benchmark.
    """
    if not results.is_dir():
        raise BenchError(
            f"there is no results folder '{results}'; give the folder that `bench run` wrote to "
            "(its --results)"
        )
    store = Untouched(results)
    try:
        records = store.records
    except OSError as error:
        raise BenchError(
            f"the results folder '{results}' cannot be read ({error.strerror})"
        ) from error
    if records:
        return store
    if store.set_aside:
        raise BenchError(
            f"none of the {len(store.set_aside)} records in '{results}' can be read; "
            f"the first: {store.set_aside[0]}"
        )
    above = next((f for f in results.resolve().parents if (f / "cells").is_dir()), None)
    hint = f"; did you mean '{above}'?" if above else "; `bench run --results` fills one"
    raise BenchError(f"the folder '{results}' holds no records{hint}")
