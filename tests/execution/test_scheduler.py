"""How cells are grouped into jobs."""

from pathlib import Path

from bench.execution.scheduler import RUNS_A_JOB, make_jobs, make_measure_jobs
from bench.records.record import Record


def test_cells_that_differ_by_their_seed_train_together(make_cell):
    cells = [make_cell(name, seed) for seed in range(3) for name in ("vanilla", "ttur")]
    jobs = make_jobs(cells, Path("cache"), 60, workers=1)
    assert sorted(len(job.cells) for job in jobs) == [3, 3]
    assert all(len({cell.group for cell in job.cells}) == 1 for job in jobs)


def test_jobs_are_halved_between_blocks_until_every_worker_has_one(make_cell):
    cells = [make_cell(seed=seed) for seed in range(12)]
    for workers, sizes in ((1, [12]), (2, [5, 7]), (3, [2, 5, 5]), (9, [2, 5, 5])):
        jobs = make_jobs(cells, Path("cache"), 60, workers)
        assert sorted(len(job.cells) for job in jobs) == sizes
        assert {cell.seed for job in jobs for cell in job.cells} == set(range(12))


def test_the_largest_job_comes_first(make_cell):
    cells = [make_cell(updates=20), make_cell(updates=500), make_cell(updates=100)]
    jobs = make_jobs(cells, Path("cache"), 60, workers=1)
    assert [job.cells[0].updates for job in jobs] == [500, 100, 20]


def test_runs_of_one_dataset_are_measured_together_whatever_their_methods(make_cell):
    cells = [make_cell(name, seed) for name in ("vanilla", "ttur") for seed in range(30)]
    cells += [make_cell(dataset_hyperparameters={"sigma": 0.02})]
    asked = [(Record({"key": cell.key}, Path(cell.key)), cell, ["a key"]) for cell in cells]
    jobs = make_measure_jobs(asked, Path("cache"), 60, workers=1)
    assert [len(job.cells) for job in jobs] == [RUNS_A_JOB, 60 - RUNS_A_JOB, 1]
    for job in jobs:
        assert job.records.keys() == job.wanted.keys() == {cell.key for cell in job.cells}
    many = make_measure_jobs(asked, Path("cache"), 60, workers=4)
    assert len(many) >= 4
    assert sum(len(job.cells) for job in many) == len(cells)
