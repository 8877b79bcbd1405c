"""points:PATH: any table of numbers that numpy has saved."""

import pickle

import numpy as np
import pytest
import torch

from bench.architectures.mlp import MLP
from bench.check import SUITES, pair_fits
from bench.datasets.points import Points
from bench.errors import BenchError
from bench.measuring.frechet import frechet_distance
from bench.records.store import Store
from bench.registry import label_of, make_dataset
from tests.measured import floor, scores, subject_of

CPU = torch.device("cpu")
RNG = np.random.default_rng(0)
TABLE = RNG.normal(size=(50, 3)) * [1, 10, 0] + [0, 5, 2]


@pytest.fixture
def file(tmp_path):
    place = tmp_path / "table.npy"
    np.save(place, TABLE)
    return place


def drawn(dataset: Points, count: int, seed: int = 0) -> torch.Tensor:
    return dataset.source(torch.Generator().manual_seed(seed), CPU)(1, count)[0]


def rows(*parts) -> list[tuple[float, ...]]:
    return sorted(tuple(map(float, row)) for part in parts for row in part)


@pytest.mark.parametrize("check", SUITES["dataset"].checks, ids=lambda check: check.__name__)
@pytest.mark.parametrize("standardise", [False, True])
def test_it_passes_the_suite(file, check, standardise):
    check(make_dataset("points", {"path": str(file), "standardise": standardise}))


def test_every_row_is_in_one_part(file):
    dataset = Points(path=str(file))
    assert dataset.sample_shape == (3,)
    assert dataset.training_size() == 40
    train, test = dataset._parts
    assert rows(train, test) == rows(TABLE.astype(np.float32))
    # an epoch is every training row once
    assert rows(drawn(dataset, 40)) == rows(train)
    assert not torch.equal(drawn(dataset, 40), drawn(dataset, 40, seed=1))
    assert Points(path=str(file), test_share=0.5).training_size() == 25
    assert Points(path=str(file), test_share=0.001).training_size() == 48


def test_standardised_rows_are_measured_by_the_training_part(file):
    train, test = Points(path=str(file), standardise=True)._parts
    plain, held = Points(path=str(file))._parts
    torch.testing.assert_close(train.mean(0), torch.zeros(3), atol=1e-5, rtol=0)
    # the last column is the same everywhere: it is moved and not divided
    torch.testing.assert_close(train.std(0), torch.tensor([1.0, 1.0, 0.0]))
    torch.testing.assert_close(test[:, 1], (held[:, 1] - plain[:, 1].mean()) / plain[:, 1].std())


def test_samples_are_held_against_the_rows_held_out(file, tmp_path):
    dataset = Points(path=str(file))
    subject = subject_of(dataset, tmp_path)
    train, test = (part.double().numpy() for part in dataset._parts)
    assert scores(subject, torch.from_numpy(test))["data_fd"] == pytest.approx(0)
    assert floor(subject)["data_fd"] == pytest.approx(frechet_distance(train, test))
    assert dataset.protocol()["reference"] == "10 rows held out"


def test_the_content_of_the_file_is_part_of_the_key_and_not_its_place(file, tmp_path):
    other = tmp_path / "elsewhere.npy"
    other.write_bytes(file.read_bytes())
    assert Points(path=str(file)).content() == Points(path=str(other)).content()
    np.save(other, TABLE + 1)
    assert Points(path=str(file)).content() != Points(path=str(other)).content()


def test_it_is_told_by_the_name_of_its_file(file):
    assert label_of(Points(path=str(file))) == "points:table.npy"
    assert label_of(Points(path=str(file), standardise=True)) == (
        "points:table.npy(standardise=True)"
    )


def test_an_npz_may_hold_one_array_or_name_it(tmp_path):
    one, two = tmp_path / "one.npz", tmp_path / "two.npz"
    np.savez_compressed(one, anything=TABLE)
    np.savez(two, first=TABLE, second=TABLE[:, :2].astype(np.int16))
    assert Points(path=str(one)).sample_shape == (3,)
    assert Points(path=str(two), array="second").sample_shape == (2,)


@pytest.mark.parametrize("dimensions", [1, 2, 7])
def test_a_fully_connected_pair_fits_any_number_of_columns(tmp_path, dimensions):
    np.save(tmp_path / "table.npy", RNG.normal(size=(9, dimensions)))
    pair_fits(MLP(), Points(path=str(tmp_path / "table.npy")))


NOT_FINITE = np.where(np.arange(30).reshape(10, 3) == 7, np.nan, 1.0)
BAD = {
    "no_numbers": (np.array([["a", "b"]] * 5), "type <U1, not numbers; save array.astype"),
    "complex": (np.ones((5, 2), complex), "type complex128, not numbers"),
    "flat": (np.ones(9), r"shape is (9,), but (N, d), .+ save array.reshape(-1, 1)"),
    "deep": (np.ones((9, 2, 2)), "save array.reshape(len(array), -1)"),
    "no_columns": (np.ones((9, 0)), "its shape is (9, 0)"),
    "few": (np.ones((3, 2)), "it has 3 rows, at least 4 are needed"),
    "one": (np.ones((1, 2)), "it has 1 row, at least 4"),
    "not_finite": (NOT_FINITE, "1 of 10 rows hold values that are not finite in single precision, "
                   "row 2 first; save array[np.isfinite(array).all(1)]"),
    "too_large": (np.full((5, 2), 1e300), "5 of 5 rows hold values that are not finite in single"),
}  # fmt: skip


def told(dataset: Points) -> str:
    with pytest.raises(BenchError) as error:
        _ = dataset.sample_shape
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_table_of_numbers_is_told_in_one_line(tmp_path, name):
    array, message = BAD[name]
    np.save(tmp_path / f"{name}.npy", array)
    said = told(Points(path=str(tmp_path / f"{name}.npy")))
    assert said.startswith(f"dataset points:{tmp_path / name}.npy: ")
    for piece in message.split(" .+ "):
        assert piece in said


def test_what_numpy_has_not_saved_is_told_in_one_line(tmp_path):
    objects, pickled, text, cut = (tmp_path / n for n in ("o.npy", "p.npy", "t.csv", "c.npz"))
    np.save(objects, np.array([{1: 2}] * 5, dtype=object), allow_pickle=True)
    pickled.write_bytes(pickle.dumps(TABLE))
    text.write_text("1,2\n3,4\n")
    np.savez(cut, x=TABLE)
    cut.write_bytes(cut.read_bytes()[:200])
    assert "it holds Python objects, which are not loaded" in told(Points(path=str(objects)))
    for file in (pickled, text, cut):
        said = told(Points(path=str(file)))
        assert "it is no whole .npy or .npz file; save plain numbers: numpy.save(path" in said


def test_a_file_that_is_not_there_or_not_named_is_told(tmp_path, file):
    assert "which file? write it as points:PATH" in told(Points())
    assert "there is no such file; mend the path" in told(Points(path=str(tmp_path / "x.npy")))
    assert "it cannot be read (Is a directory)" in told(Points(path=str(tmp_path)))
    assert "leave `array` out" in told(Points(path=str(file), array="x"))
    two = tmp_path / "two.npz"
    np.savez(two, first=TABLE, second=TABLE)
    assert "it holds 2 arrays; say which with the hyperparameter `array`: first, second" in told(
        Points(path=str(two))
    )
    assert "it has no array 'third'; there are: first, second" in told(
        Points(path=str(two), array="third")
    )


@pytest.mark.parametrize(
    ("share", "told"),
    [
        *((share, f"is {share}; give a number above 0, below 1") for share in (0, 1, -0.5)),
        (float("nan"), "is nan"),
    ],
)
def test_a_share_that_leaves_no_part_is_refused(share, told):
    with pytest.raises(BenchError, match=f"test_share {told}"):
        make_dataset("points", {"path": "x.npy", "test_share": share})


STUDY = """
description: Tables of numbers.
methods: [non_saturating, wgan_gp]
seeds: 1
evaluations: 2
experiments:
  - dataset: points:table.npy
    architecture: {mlp: {generator_widths: [8], discriminator_widths: [8]}}
    training: {batch_size: 8}
    epochs: 2
  - dataset: {points:two.npz: {array: plane, standardise: true}}
    architecture: {mlp: {generator_widths: [8], discriminator_widths: [8]}}
    training: {batch_size: 8}
    updates: 10
"""


@pytest.mark.slow
def test_a_study_trains_on_tables_and_notices_another_one(tmp_path, file, monkeypatch, call):
    np.savez(tmp_path / "two.npz", plane=TABLE[:, :2], rest=TABLE)
    (tmp_path / "own.yaml").write_text(STUDY)
    monkeypatch.chdir(tmp_path)
    run = ("run", "own.yaml", "--device", "cpu", "--jobs", "1", "--no-tracking")
    assert "4 cells trained" in call(*run)
    records = Store(tmp_path / "results").all()
    assert {record.status for record in records} == {"ok"}
    labels = {record.cell.dataset.label for record in records}
    assert labels == {"points:table.npy", "points:two.npz(array=plane, standardise=True)"}
    assert "It passes." in call("check", "points:table.npy")
    np.save(file, TABLE + 1)
    planned = call("plan", "own.yaml", "--datasets", "points:table.npy")
    assert "changed: source the data themselves" in planned
    assert "2 of 2 cells would train" in planned
    file.unlink()
    assert "bench: dataset points:table.npy: there is no such file" in call(
        "plan", "own.yaml", code=2
    )
