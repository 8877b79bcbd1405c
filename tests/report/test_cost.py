"""The section on costs: timings of runs that shared a device are marked."""

from bench.quantity import Quantity
from bench.report import write_report
from bench.report.statistics import Spread
from bench.report.topics.study.cost_figure import Point, front

MORE, LESS = (Quantity("q", "Q", "", higher_is_better=up) for up in (True, False))


def paid(*seeds: float) -> Spread:
    return Spread(seeds[len(seeds) // 2], min(seeds), max(seeds), len(seeds))


def test_methods_alike_in_cost_and_quality_are_both_unbeaten():
    known = {"cheap": (1, 5), "a": (2, 6), "b": (2, 6), "worse": (2, 4), "dear": (3, 6)}
    points = [Point(m, paid(cost), value, None, "", "") for m, (cost, value) in known.items()]
    points.append(Point("failed", paid(1), None, None, "no mean", "3 of 3 failed"))
    assert [point.method for point in front(points, MORE)] == ["cheap", "a", "b"]
    assert [point.method for point in front(points, LESS)] == ["cheap", "worse"]


def test_costs_whose_ranges_overlap_are_alike():
    known = {"noise": (paid(1, 2, 4), 5), "best": (paid(3, 3.5, 5), 6), "cheap": (paid(1, 1, 2), 3)}
    points = [Point(m, cost, value, None, "", "") for m, (cost, value) in known.items()]
    assert [point.method for point in front(points, MORE)] == ["best"]
    assert [point.method for point in front([points[1], points[2]], MORE)] == ["cheap", "best"]


def test_timings_taken_while_jobs_shared_a_device_are_marked(make_study, store, train, modes):
    study = make_study()

    def told(*shared: int | None) -> list[str]:
        given = [{} if each is None else {"device_shared": each} for each in shared]
        cells = study.cells[: len(given)]
        planned = [train(c, modes(6, 7), **run) for c, run in zip(cells, given, strict=True)]
        page = write_report(study, planned, store.results, [])
        lines = page.with_suffix(".md").read_text(encoding="utf-8").splitlines()
        return [line for line in lines if "jobs shared a core or a GPU" in line]

    assert told(1, None, 1) == []
    (line,) = told(1, 2, 3)
    assert line.startswith("2 of 3 runs were timed while 2 to 3 jobs shared")
    (line,) = told(2, 2, None)
    assert line.startswith("2 of 3 runs were timed while 2 jobs shared")
