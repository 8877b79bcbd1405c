"""What MLflow holds is what the records say, each cell once."""

import io
import json
import os
import shutil

import numpy as np
import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from PIL import Image

from bench.tracking import Tracker, ui_command
from bench.tracking.entry import POINTS, Entry, describe, short, thinned
from bench.tracking.pictures import pictures
from tests.tracking.sweeps import EVALUATIONS, STUDY, children, history, parents, send, until

pytestmark = pytest.mark.usefixtures("in_process")


def test_a_cell_is_a_child_run_with_all_that_the_record_says(results, client, put):
    record = put(seed=3)
    tracker = send(results, record)
    assert (tracker.sent, tracker.problems) == (1, [])

    (parent,), (run,) = parents(client), children(client)
    assert parent.info.status == "FINISHED"
    assert parent.data.tags["study"] == STUDY
    assert parent.data.tags["commit"] == "abc123"
    assert run.data.tags["mlflow.parentRunId"] == parent.info.run_id

    assert run.info.status == "FINISHED"
    assert run.info.end_time - run.info.start_time == 4000
    wanted = {"method": "wgan_gp", "dataset": "ring8", "seed": "3", "status": "ok"}
    assert wanted.items() <= run.data.tags.items()
    assert run.data.tags["key"] == record.key
    assert run.data.tags["commit"] == "abc123"
    assert run.data.tags["method_label"] == record.cell.method.label
    assert run.data.params["method.penalty_weight"] == str(
        record.cell.method.hyperparameters["penalty_weight"]
    )
    wanted = {"optimizer": "adam", "learning_rate": "0.001", "batch_size": "32", "updates": "20"}
    assert wanted.items() <= run.data.params.items()
    assert run.data.params["architecture.generator_widths"] == "[8]"
    wanted = {"decay": "none", "ema": "0.999", "precision": "float32", "simultaneous": "false"}
    assert wanted.items() <= run.data.params.items()

    for name in ("modes_20", "reverse_kl"):
        recorded = [(e["update"], e[name]) for e in EVALUATIONS if e[name] is not None]
        assert history(client, run, name) == recorded
    assert run.data.metrics["whole/discriminator_spikes"] == 4
    assert run.data.metrics["whole/generator_spikes_per_10k"] == 0
    assert run.data.metrics["cost/evaluation_seconds"] == 1.5
    assert run.data.metrics["cost/peak_memory_mb"] == 300
    assert run.data.metrics["cost/discriminator_updates"] == 500
    assert not any("median" in name for name in run.data.metrics)
    assert all(np.isfinite(value) for value in run.data.metrics.values())


def test_the_curves_are_thinned_onto_discriminator_updates(results, client, put):
    record = put()
    send(results, record)
    (run,) = children(client)
    series = record.series()
    norms = history(client, run, "training/discriminator_gradient_norm")
    assert len(norms) == POINTS
    assert max(value for _, value in norms) == pytest.approx(series["discriminator_norm"].max())
    losses = history(client, run, "training/generator_loss")
    assert [step for step, _ in losses] == list(range(5, 501, 5))
    assert [value for _, value in losses] == pytest.approx(series["generator_loss"].tolist())


def test_a_series_that_ends_in_infinity_has_no_point_there():
    values = np.array([1.0, 2.0, np.inf], np.float32)
    assert list(thinned(values, 3, np.max)) == [(1, 1.0), (2, 2.0)]
    assert list(thinned(np.empty(0), 0, np.max)) == []


def test_the_picture_is_beside_the_database_and_nothing_in_the_working_folder(results, client, put):
    send(results, put(), put(1, samples=np.zeros((3, 1, 1))))
    with_picture = client.list_artifacts(children(client, seed="0")[0].info.run_id)
    assert [artifact.path for artifact in with_picture] == ["samples.png"]
    assert client.list_artifacts(children(client, seed="1")[0].info.run_id) == []
    (file,) = (results / "mlartifacts").rglob("samples.png")
    assert file.read_bytes().startswith(b"\x89PNG")
    assert os.listdir() == []


def drawn(content: bytes) -> np.ndarray:
    """The bytes of a PNG, (h, w, 3)."""
    return np.array(Image.open(io.BytesIO(content)).convert("RGB"))


def test_points_have_a_picture_of_the_last_samples():
    points = np.array([[[0, 1], [np.inf, 0]]], np.float16)
    (content,) = (found := pictures({"samples": points})).values()
    assert list(found) == ["samples.png"]
    assert drawn(content).shape == (320, 320, 3)


@pytest.mark.parametrize("size", [(28, 28), (28, 28, 3)])
def test_images_have_pictures_of_the_last_ones_of_all_and_of_the_ways_between(size):
    """12 latents at 3 evaluations, and 2 ways of 4 steps: each image has a shade of its own."""
    place = np.ones(size, np.uint8)
    samples = np.multiply.outer(np.arange(36, dtype=np.uint8).reshape(3, 12), place)
    ways = np.multiply.outer(np.arange(8, dtype=np.uint8).reshape(2, 4), place)
    found = pictures({"samples": samples, "interpolations": ways})
    shades = {name: drawn(content)[14::28, 14::28, 2].tolist() for name, content in found.items()}
    assert shades["samples.png"] == np.arange(24, 36).reshape(3, 4).tolist()
    assert shades["evolution.png"] == samples.reshape(3, 12, -1)[:, :8, 0].tolist()
    assert shades["interpolations.png"] == np.arange(8).reshape(2, 4).tolist()
    assert list(pictures({"samples": samples})) == ["samples.png", "evolution.png"]


def test_colours_stay_and_what_no_latent_is_left_for_is_black():
    samples = np.zeros((1, 5, 4, 4, 3), np.uint8)
    samples[..., 0], samples[..., 1] = 200, 100
    picture = drawn(pictures({"samples": samples})["samples.png"])
    assert picture.shape == (8, 12, 3)
    assert picture[0, 0].tolist() == [200, 100, 0]
    assert picture[7, 11].tolist() == [0, 0, 0]


@pytest.mark.parametrize("arrays", [{}, {"samples": np.empty(0)}, {"samples": np.zeros((3, 1, 1))}])
def test_other_samples_have_no_picture(arrays):
    assert pictures(arrays) == {}


def test_images_and_why_metrics_are_missing_reach_mlflow(results, client, put):
    images = np.zeros((3, 9, 4, 4, 3), np.uint8)
    evaluations = [*EVALUATIONS[:2], {**EVALUATIONS[2], "kid": 0.25}]
    reasons = {"fid": "no Inception weights", "kid": "too few samples at first"}
    record = put(samples=images, evaluations=evaluations, reasons=reasons)
    tracker = send(results, record, put(1))
    assert tracker.problems == []
    (run,) = children(client, seed="0")
    kept = [artifact.path for artifact in client.list_artifacts(run.info.run_id)]
    assert sorted(kept) == ["evolution.png", "samples.png"]
    assert run.data.tags["not_computed"] == "fid: no Inception weights"
    assert history(client, run, "kid") == [(500, 0.25)]
    assert "not_computed" not in children(client, seed="1")[0].data.tags


def test_one_parent_for_all_cells_of_a_sweep_and_a_new_one_for_the_next(results, client, put):
    first, second = put(0), put(1)
    with Tracker(results, STUDY) as tracker:
        tracker.send([first])
        until(lambda: tracker.sent == 1)
        assert [run.info.status for run in parents(client)] == ["RUNNING"]
        tracker.send([second])
    assert [run.info.status for run in parents(client)] == ["FINISHED"]
    send(results, first, second, put(2))
    assert len(parents(client)) == 2
    assert len(children(client)) == 3


def test_an_interrupted_sweep_says_so(results, client, put):
    def sweep(record):
        with Tracker(results, STUDY) as tracker:
            tracker.send([record])
            until(lambda: tracker.sent == 1)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sweep(put())
    assert [run.info.status for run in parents(client)] == ["KILLED"]


def test_sending_again_makes_no_duplicate(results, client, put):
    records = [put(0), put(1)]
    send(results, *records)
    assert Tracker(results, STUDY).missing(records) == []
    assert send(results, *records).sent == 0
    assert len(children(client)) == 2
    assert len(parents(client)) == 1


@pytest.mark.parametrize("content", [None, "{", "[]", '{"x": 1}'])
def test_a_lost_or_damaged_ledger_makes_no_duplicate(results, client, put, content):
    records = [put(0), put(1)]
    send(results, *records)
    ledger = results / "tracked.json"
    ledger.unlink() if content is None else ledger.write_text(content)
    assert Tracker(results, STUDY).missing(records) == records
    tracker = send(results, *records)
    assert tracker.sent == 0
    assert len(children(client)) == 2
    assert Tracker(results, STUDY).missing(records) == []


def test_a_lost_database_gets_everything_again(results, put):
    record = put()
    send(results, record)
    (results / "mlflow.db").unlink()
    assert Tracker(results, STUDY).missing([record]) == [record]


def test_a_ledger_that_speaks_of_another_database_is_not_believed(results, put, empty_database):
    records = [put(0), put(1)]
    send(results, *records)
    # as if the database had been replaced by one from before the study
    with_study, other = results / "mlflow.db", results.parent / "other.db"
    shutil.copy(empty_database, other)
    ledger = (results / "tracked.json").read_text().replace(str(with_study), str(other))
    (results / "tracked.json").write_text(ledger)
    uri = f"sqlite:///{other}"
    assert Tracker(results, STUDY, uri).missing(records) == []
    assert send(results, *records, put(2), uri=uri).sent == 3
    assert len(children(MlflowClient(uri))) == 3


def test_a_cell_that_is_trained_again_supersedes_its_earlier_run(results, client, put):
    send(results, put(0, "crashed"), put(1))
    again = put(0)
    assert Tracker(results, STUDY).missing([again]) == [again]
    send(results, again)
    older, newer = sorted(children(client, seed="0"), key=lambda run: run.data.tags["status"])
    assert (older.info.status, older.data.tags["superseded"]) == ("FAILED", "true")
    assert newer.info.status == "FINISHED"
    assert "superseded" not in newer.data.tags
    assert "superseded" not in children(client, seed="1")[0].data.tags


@pytest.mark.parametrize("step", ["create_run", "log_batch", "set_terminated", "set_tag"])
def test_a_run_that_was_cut_off_is_replaced(results, client, put, monkeypatch, step):
    record = put()

    def cut(*_, **__):
        raise MlflowException("cut off")

    with monkeypatch.context() as patch:
        patch.setattr(MlflowClient, step, cut)
        send(results, record)
    assert Tracker(results, STUDY).missing([record]) == [record]
    assert all("identity" not in run.data.tags for run in children(client))
    assert send(results, record).sent == 1
    (run,) = children(client)
    assert run.data.tags["identity"]
    assert history(client, run, "modes_20") == [(0, 0.0), (250, 3.0), (500, 8.0)]


def test_hostile_text_is_cut_to_what_mlflow_takes(results, client, put):
    reason = "x\0" + "é" * 10_000
    tracker = send(results, put(0, "crashed", reason=reason))
    assert (tracker.sent, tracker.problems) == (1, [])
    (run,) = children(client)
    assert run.info.status == "FAILED"
    assert run.data.tags["reason"] == ("x" + "é" * 10_000)[:8000]


def test_names_that_mlflow_does_not_take_are_changed_and_many_are_sent_in_parts(
    results, client, put
):
    values = {f"quality %{number}": float(number) for number in range(1500)}
    record = put(evaluations=[{"update": 7, "generator_update": 7, **values}])
    many = {f"setting_{number}": "y" * 7000 for number in range(150)}
    _called(record, hyperparameters=many)
    tracker = send(results, record)
    assert tracker.problems == []
    (run,) = children(client)
    assert run.data.metrics["quality _1499"] == 1499
    assert run.data.params["method.setting_149"] == "y" * 6000


def _called(record, **changes):
    # a method of its own: records that are alike share theirs
    record.data["cell"]["method"] = record.data["cell"]["method"] | changes


def test_a_folder_that_mlflow_cannot_name_is_told(tmp_path, put):
    folder = tmp_path / "a?b"
    tracker = send(folder, put())
    assert tracker.sent == 0
    assert "--results" in tracker.problems[0]
    assert not (tmp_path / "a").exists()


def test_names_are_cut_to_what_databases_take_and_stay_apart(results, client, put):
    long = "x" * 300
    record = put(evaluations=[{"update": 7, "generator_update": 7, f"{long}a": 1, f"{long}b": 2}])
    _called(record, label=f"a\n{long}", hyperparameters={f"{long}a": 1, f"{long}b": 2})
    study = f"a study of {long}"
    with Tracker(results, study) as tracker:
        tracker.send([record])
    assert (tracker.sent, tracker.problems) == (1, [])
    experiment = client.get_experiment_by_name(short(study))
    runs = client.search_runs([experiment.experiment_id])
    names = [name for run in runs for name in (run.info.run_name, *run.data.metrics)]
    names += [name for run in runs for name in run.data.params]
    assert max(map(len, [*names, experiment.name])) == 250
    assert not any("\n" in name for name in names)
    (run,) = [run for run in runs if run.data.params]
    assert sorted(v for n, v in run.data.metrics.items() if n.startswith("xxx")) == [1, 2]
    assert sorted(v for n, v in run.data.params.items() if n.startswith("method.x")) == ["1", "2"]


def test_what_fails_on_the_way_is_sent_by_the_next_one(results, client, put, monkeypatch):
    records = [put(seed) for seed in range(3)]
    log_batch, calls = MlflowClient.log_batch, []

    def breaks_at_the_second(self, *args, **kwargs):
        calls.append(args)
        if len(calls) == 2:
            raise MlflowException("the server went away")
        return log_batch(self, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(MlflowClient, "log_batch", breaks_at_the_second)
        tracker = send(results, *records)
    assert (tracker.sent, len(tracker.missing(records)), len(calls)) == (1, 2, 2)
    assert "the server went away" in tracker.problems[0]
    assert send(results, *records).sent == 2
    assert len(children(client)) == 3


def test_a_record_that_cannot_be_read_does_not_hold_up_the_others(results, client, put):
    damaged, sound = put(0), put(1)
    file = damaged.folder / "series.npz"
    file.write_bytes(bytes(file.stat().st_size))
    with Tracker(results, STUDY) as tracker:
        tracker.send([damaged])
        tracker.send([damaged, sound])
    assert (tracker.sent, tracker.missing([damaged, sound])) == (1, [damaged])
    (problem,) = tracker.problems
    assert damaged.key in problem
    assert len(children(client)) == 1


def test_numbers_are_sent_where_pictures_cannot_be_stored(results, client, put):
    (results / "mlartifacts").write_text("a file where a folder should be")
    tracker = send(results, put(0), put(1))
    assert tracker.sent == 2
    (problem,) = tracker.problems
    assert "pictures" in problem
    assert all(run.info.status == "FINISHED" for run in children(client))


def test_a_deleted_experiment_is_told_with_the_way_back(results, client, put):
    send(results, put(0))
    experiment = client.get_experiment_by_name(STUDY).experiment_id
    client.delete_experiment(experiment)
    tracker = send(results, put(1))
    assert tracker.sent == 0
    assert "restore" in tracker.problems[0]
    client.restore_experiment(experiment)
    assert send(results, put(1)).sent == 1


def test_the_same_cell_is_sent_for_each_study_and_each_place(results, put):
    record = put()
    send(results, record)
    assert Tracker(results, "another").missing([record]) == [record]
    assert Tracker(results, STUDY, "http://127.0.0.1:9").missing([record]) == [record]


def test_the_users_address_is_respected(results, put, tmp_path, empty_database, monkeypatch):
    shutil.copy(empty_database, tmp_path / "mine.db")
    uri = f"sqlite:///{tmp_path / 'mine.db'}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    send(results, put())
    assert len(children(MlflowClient(uri))) == 1
    assert uri in ui_command(results)


def test_an_entry_is_the_same_after_its_way_to_the_process_that_sends(put):
    entry = describe(put(samples=np.zeros((3, 9, 4, 4), np.uint8)))
    there = Entry.from_json(json.loads(json.dumps(entry.to_json())))
    assert there.pictures == entry.pictures != {}
    assert [tuple(metric) for metric in there.metrics] == entry.metrics


def test_a_description_needs_no_mlflow(put):
    entry = describe(put(0, "killed"))
    assert (entry.status, entry.metrics, entry.pictures) == ("FAILED", [], {})
    assert "commit" not in entry.tags
