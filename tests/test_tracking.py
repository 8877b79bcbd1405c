"""What MLflow holds is what the records say, each cell once, whatever happens on the way."""

import io
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.request import urlopen

import numpy as np
import pytest
from mlflow import MlflowClient
from mlflow.entities import ViewType
from mlflow.exceptions import MlflowException
from PIL import Image

from bench.errors import BenchError
from bench.metric import Reason
from bench.records.measurements import Measurement
from bench.records.record import pack, with_files
from bench.records.store import Store
from bench.tracking import Tracker, ui_command
from bench.tracking.entry import POINTS, describe, thinned
from bench.tracking.pictures import pictures

STUDY = "small"
EVALUATIONS = [
    {"update": 0, "generator_update": 0, "modes_20": 0.0, "reverse_kl": None},
    {"update": 250, "generator_update": 50, "modes_20": 3.0, "reverse_kl": 1.25},
    {"update": 500, "generator_update": 100, "modes_20": 8.0, "reverse_kl": 0.5},
]
WHOLE = {
    "discriminator_median_norm": None,
    "discriminator_explosions": 4.0,
    "generator_explosions_per_10k": 0.0,
}
RESULT = {"cost": {"discriminator_updates": 500, "generator_updates": 100}}
RUN = {
    "commit": "abc123",
    "training_seconds": 2.5,
    "job_seconds": 4.0,
    "peak_memory_mb": 300.0,
    "device": "cpu",
    "finished_at": "2026-01-02T03:04:05Z",
}


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch) -> None:
    """A working folder of its own, and no tracking URI from outside."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    (tmp_path / "cwd").mkdir()
    monkeypatch.chdir(tmp_path / "cwd")


@pytest.fixture(scope="module")
def empty_database(tmp_path_factory) -> Path:
    """A database without runs; making one takes seconds."""
    file = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    MlflowClient(f"sqlite:///{file}").search_experiments()
    return file


@pytest.fixture
def results(tmp_path, empty_database) -> Path:
    folder = tmp_path / "results"
    with Store(folder).writing():
        shutil.copy(empty_database, folder)
    return folder


@pytest.fixture
def client(results) -> MlflowClient:
    return MlflowClient(f"sqlite:///{results / 'mlflow.db'}")


@pytest.fixture
def put(results, make_cell, make_record):
    """Stores a record, ``ok`` with files or failed without."""

    def put(seed=0, status="ok", samples=None, evaluations=EVALUATIONS, reasons=None, **more):
        rng = np.random.default_rng(seed)
        files = {
            "series.npz": pack(
                {
                    f"{player}_{quantity}": rng.random(length).astype(np.float32)
                    for player, length in (("discriminator", 500), ("generator", 100))
                    for quantity in ("loss", "norm")
                }
            ),
            "samples.npz": pack(
                {"last samples": rng.normal(size=(3, 50, 2)) if samples is None else samples}
            ),
        }
        store = Store(results)
        if status != "ok":
            nothing = {"result": {}, "run": {}}
            data = make_record(make_cell("wgan_gp", seed), status, **nothing | more)
            return store.put(*_as_stored(data, {}))
        places = ("update", "generator_update")
        checkpoints = [{name: e[name] for name in places} for e in evaluations]
        parts = {"result": {**RESULT, "checkpoints": checkpoints}, "run": RUN}
        data = make_record(make_cell("wgan_gp", seed), status, **parts | more)
        store.put(*_as_stored(data, files))
        values = {
            e["update"]: {name: e[name] for name in e if name not in places} for e in evaluations
        }
        why = {name: Reason("unavailable", text) for name, text in (reasons or {}).items()}
        part = {"name": "modes", "hyperparameters": {}}
        measured = {"seconds": 1.5}
        found = Measurement("m", "modes", part, {}, values, WHOLE, why, measured=measured)
        return store.measured(data["key"], [found])

    return put


def _as_stored(data, files):
    return with_files(data, files), files


def children(client, **tags):
    """The active child runs of the study, those with some tags."""
    experiment = client.get_experiment_by_name(STUDY)
    runs = client.search_runs([experiment.experiment_id]) if experiment else []
    return [
        run
        for run in runs
        if "mlflow.parentRunId" in run.data.tags and tags.items() <= run.data.tags.items()
    ]


def parents(client):
    experiment = client.get_experiment_by_name(STUDY)
    runs = client.search_runs([experiment.experiment_id])
    return [run for run in runs if "mlflow.parentRunId" not in run.data.tags]


def history(client, run, name):
    points = client.get_metric_history(run.info.run_id, name)
    return [(point.step, point.value) for point in points]


def send(results, *records, uri=None):
    with Tracker(results, STUDY, uri) as tracker:
        sent = tracker.send(records)
    return tracker, sent


def closed_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def test_a_cell_is_a_child_run_with_all_that_the_record_says(results, client, put):
    record = put(seed=3)
    tracker, sent = send(results, record)
    assert (sent.sent, sent.missing, tracker.problems) == (1, 0, [])

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
    assert run.data.metrics["whole/discriminator_explosions"] == 4
    assert run.data.metrics["whole/generator_explosions_per_10k"] == 0
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
    tracker, _ = send(results, record, put(1))
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
        assert [run.info.status for run in parents(client)] == ["RUNNING"]
        tracker.send([second])
    assert [run.info.status for run in parents(client)] == ["FINISHED"]
    send(results, first, second, put(2))
    assert len(parents(client)) == 2
    assert len(children(client)) == 3


def test_an_interrupted_sweep_says_so(results, client, put):
    record = put()

    def sweep():
        with Tracker(results, STUDY) as tracker:
            tracker.send([record])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sweep()
    assert [run.info.status for run in parents(client)] == ["KILLED"]


def test_sending_again_makes_no_duplicate(results, client, put):
    records = [put(0), put(1)]
    send(results, *records)
    assert Tracker(results, STUDY).missing(records) == []
    assert send(results, *records)[1].sent == 0
    assert len(children(client)) == 2
    assert len(parents(client)) == 1


@pytest.mark.parametrize("content", [None, "{", "[]", '{"x": 1}'])
def test_a_lost_or_damaged_ledger_makes_no_duplicate(results, client, put, content):
    records = [put(0), put(1)]
    send(results, *records)
    ledger = results / "tracked.json"
    ledger.unlink() if content is None else ledger.write_text(content)
    assert Tracker(results, STUDY).missing(records) == records
    _, sent = send(results, *records)
    assert (sent.sent, sent.missing) == (0, 0)
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
    assert send(results, *records, put(2), uri=uri)[1].sent == 3
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
        raise KeyboardInterrupt

    tracker = Tracker(results, STUDY)
    with monkeypatch.context() as patch:
        patch.setattr(MlflowClient, step, cut)
        with pytest.raises(KeyboardInterrupt):
            tracker.send([record])
    assert Tracker(results, STUDY).missing([record]) == [record]
    assert all("identity" not in run.data.tags for run in children(client))
    assert send(results, record)[1].sent == 1
    (run,) = children(client)
    assert run.data.tags["identity"]
    assert history(client, run, "modes_20") == [(0, 0.0), (250, 3.0), (500, 8.0)]


def test_hostile_text_is_cut_to_what_mlflow_takes(results, client, put):
    reason = "x\0" + "é" * 10_000
    tracker, sent = send(results, put(0, "crashed", reason=reason))
    assert (sent.sent, tracker.problems) == (1, [])
    (run,) = children(client)
    assert run.info.status == "FAILED"
    assert run.data.tags["reason"] == ("x" + "é" * 10_000)[:8000]


def test_names_that_mlflow_does_not_take_are_changed_and_many_are_sent_in_parts(
    results, client, put
):
    values = {f"quality %{number}": float(number) for number in range(1500)}
    record = put(evaluations=[{"update": 7, "generator_update": 7, **values}])
    many = {f"setting_{number}": "y" * 7000 for number in range(150)}
    record.data["cell"]["method"]["hyperparameters"] = many
    tracker, _ = send(results, record)
    assert tracker.problems == []
    (run,) = children(client)
    assert run.data.metrics["quality _1499"] == 1499
    assert run.data.params["method.setting_149"] == "y" * 6000


def test_an_unreachable_server_costs_a_moment_and_nothing_else(results, client, put):
    records = [put(0), put(1)]
    uri = f"http://user:secret@127.0.0.1:{closed_port()}"
    with Tracker(results, STUDY, uri) as tracker:
        began = time.monotonic()
        for record in records:
            sent = tracker.send([record])
        assert time.monotonic() - began < 5
        assert (sent.sent, sent.missing) == (0, 1)
        assert tracker.missing(records) == records
    (problem,) = tracker.problems
    assert "Connection refused" in problem
    assert "bench sync" in problem
    assert "secret" not in problem
    assert send(results, *records)[1].sent == 2
    assert len(children(client)) == 2


@pytest.mark.parametrize(
    "uri", ["nonsense://x", "http://[broken", "sqlite:////proc/x.db", "sqlite:///{tmp}/damaged.db"]
)
def test_a_wrong_address_is_told_in_one_line(results, put, tmp_path, uri):
    (tmp_path / "damaged.db").write_text("not a database" * 1000)
    began = time.monotonic()
    tracker, sent = send(results, put(), uri=uri.format(tmp=tmp_path))
    assert time.monotonic() - began < 10
    assert sent.missing == 1
    (problem,) = tracker.problems
    assert "\n" not in problem
    assert len(problem) < 600


def test_a_folder_that_mlflow_cannot_name_is_told(tmp_path, put):
    folder = tmp_path / "a?b"
    tracker, sent = send(folder, put())
    assert sent.missing == 1
    assert "--results" in tracker.problems[0]
    assert not (tmp_path / "a").exists()


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
        tracker, sent = send(results, *records)
    assert (sent.sent, sent.missing, len(calls)) == (1, 2, 2)
    assert "the server went away" in tracker.problems[0]
    assert send(results, *records)[1].sent == 2
    assert len(children(client)) == 3


def test_a_record_that_cannot_be_read_does_not_hold_up_the_others(results, client, put):
    damaged, sound = put(0), put(1)
    file = damaged.folder / "series.npz"
    file.write_bytes(bytes(file.stat().st_size))
    with Tracker(results, STUDY) as tracker:
        tracker.send([damaged])
        sent = tracker.send([damaged, sound])
    assert (sent.sent, sent.missing) == (1, 1)
    (problem,) = tracker.problems
    assert damaged.key in problem
    assert len(children(client)) == 1


def test_numbers_are_sent_where_pictures_cannot_be_stored(results, client, put):
    (results / "mlartifacts").write_text("a file where a folder should be")
    tracker, sent = send(results, put(0), put(1))
    assert sent.sent == 2
    (problem,) = tracker.problems
    assert "pictures" in problem
    assert all(run.info.status == "FINISHED" for run in children(client))


def test_a_deleted_experiment_is_told_with_the_way_back(results, client, put):
    send(results, put(0))
    experiment = client.get_experiment_by_name(STUDY).experiment_id
    client.delete_experiment(experiment)
    tracker, sent = send(results, put(1))
    assert sent.missing == 1
    assert "restore" in tracker.problems[0]
    client.restore_experiment(experiment)
    assert send(results, put(1))[1].sent == 1


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


def test_nothing_to_send_does_not_import_mlflow(tmp_path):
    code = (
        "import sys; from pathlib import Path; from bench.tracking import Tracker\n"
        f"with Tracker(Path({str(tmp_path)!r}), 'small') as t: t.send([])\n"
        "sys.exit(any(m in sys.modules for m in ('mlflow', 'matplotlib', 'torch')))"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env=with_bench())


def with_bench() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}


def test_the_pages_open_on_loopback(results, tmp_path, monkeypatch):
    command = ui_command(results)
    assert os.access(command[0], os.X_OK)
    assert command[2:6] == [sys.executable, "-m", "mlflow", "ui"]
    assert command[command.index("--host") + 1] == "127.0.0.1"
    assert command[command.index("--backend-store-uri") + 1] == f"sqlite:///{results}/mlflow.db"
    with pytest.raises(BenchError, match="nothing has been sent"):
        ui_command(tmp_path / "none")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://me:secret@mlflow.example")
    with pytest.raises(BenchError, match=r"open https://mlflow\.example in"):
        ui_command(results)


def test_a_description_needs_no_mlflow(put):
    entry = describe(put(0, "killed"))
    assert (entry.status, entry.metrics, entry.pictures) == ("FAILED", [], {})
    assert "commit" not in entry.tags


@pytest.mark.slow
def test_a_server_takes_numbers_and_pictures(results, put, tmp_path):
    send(results, put(0))
    port = closed_port()
    with open(tmp_path / "log", "w") as log:
        server = subprocess.Popen(
            [*ui_command(results, port), "--artifacts-destination", str(tmp_path / "kept")],
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        uri = f"http://127.0.0.1:{port}"
        wait_for(f"{uri}/health", server)
        shown = MlflowClient(uri)
        assert [run.data.tags["seed"] for run in children(shown)] == ["0"]
        with Tracker(results, "remote", uri) as tracker:
            assert tracker.send([put(0), put(1)]).sent == 2
        assert tracker.problems == []
        experiment = shown.get_experiment_by_name("remote")
        assert experiment.artifact_location.startswith("mlflow-artifacts:")
        assert len(list((tmp_path / "kept").rglob("samples.png"))) == 2
        assert len(shown.search_runs([experiment.experiment_id], run_view_type=ViewType.ALL)) == 3
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(30)


def wait_for(address: str, server: subprocess.Popen) -> None:
    for _ in range(240):
        assert server.poll() is None
        try:
            urlopen(address, timeout=5).close()
            return
        except OSError:
            time.sleep(0.5)
    raise TimeoutError(address)
