"""Which devices are used for what was asked for, on machines with and without GPUs."""

import pytest

from bench.errors import BenchError
from bench.execution import devices
from bench.execution.devices import Slot, slots, visible_gpus


@pytest.fixture
def machine(monkeypatch):
    def machine(gpus: int, visible: str | None = None, cores: int = 4) -> None:
        monkeypatch.setattr(devices, "_nvml_count", lambda: gpus)
        monkeypatch.setattr(devices, "cores", lambda: cores)
        if visible is None:
            monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
        else:
            monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)

    return machine


@pytest.mark.parametrize(
    ("gpus", "visible", "seen"),
    [
        (0, None, []),
        (2, None, ["0", "1"]),
        (4, "3,1", ["3", "1"]),
        (2, "", []),
        (2, " ", []),
        (2, "-1", []),
        (2, "GPU-1a2b, GPU-3c4d", ["GPU-1a2b", "GPU-3c4d"]),
        (0, "0,1", []),
    ],
)
def test_gpus_are_those_the_environment_shows(machine, gpus, visible, seen):
    machine(gpus, visible)
    assert visible_gpus() == seen


@pytest.mark.parametrize(
    ("gpus", "visible", "device", "jobs", "expected"),
    [
        (0, None, "auto", None, ["cpu"] * 4),
        (0, None, "auto", 2, ["cpu"] * 2),
        (0, None, "cpu", 6, ["cpu"] * 6),
        (2, None, "cpu", None, ["cpu"] * 4),
        (2, "", "auto", None, ["cpu"] * 4),
        (2, None, "auto", None, ["cuda:0", "cuda:1"]),
        (2, None, "auto", 1, ["cuda:0"]),
        (2, None, "cuda", 8, ["cuda:0", "cuda:1"]),
        (4, None, "cuda:0,2", None, ["cuda:0", "cuda:2"]),
        (4, "3,1", "cuda:0", None, ["cuda:3"]),
    ],
)
def test_slots_follow_what_was_asked_for(machine, gpus, visible, device, jobs, expected):
    machine(gpus, visible)
    assert [str(slot) for slot in slots(device, jobs)] == expected


@pytest.mark.parametrize(
    ("gpus", "visible", "device", "jobs", "message"),
    [
        (2, None, "gpu", None, "unknown device 'gpu'"),
        (2, None, "", None, "unknown device ''"),
        (2, None, "cpu:0", None, "unknown device 'cpu:0'"),
        (2, None, "auto:1", None, "unknown device 'auto:1'"),
        (0, None, "cuda", None, "no GPU can be seen here; use --device cpu"),
        (2, "", "cuda", None, "no GPU can be seen here"),
        (2, "-1", "cuda:0", None, "no GPU can be seen here"),
        (2, None, "cuda:2", None, "there is no GPU '2'; this machine shows 2"),
        (4, "1", "cuda:1", None, "there is no GPU '1'; this machine shows 1"),
        (2, None, "cuda:x", None, "there is no GPU 'x'"),
        (2, None, "cuda:-1", None, "there is no GPU '-1'"),
        (2, None, "cuda:0,", None, "there is no GPU ''"),
        (0, None, "cpu", 0, "--jobs is 0"),
        (0, None, "auto", -1, "--jobs is -1"),
    ],
)
def test_what_cannot_be_had_is_told_in_one_line(machine, gpus, visible, device, jobs, message):
    machine(gpus, visible)
    with pytest.raises(BenchError) as told:
        slots(device, jobs)
    assert message in str(told.value)
    assert "\n" not in str(told.value)


def test_a_worker_sees_its_own_device_alone():
    assert Slot("cpu").environment()["CUDA_VISIBLE_DEVICES"] == ""
    assert Slot("cuda", "GPU-1a2b").environment()["CUDA_VISIBLE_DEVICES"] == "GPU-1a2b"
    assert Slot("cuda", "1").environment()["CUDA_DEVICE_ORDER"] == "PCI_BUS_ID"
    assert Slot("cpu").environment()["OMP_NUM_THREADS"] == "1"
