"""Which devices are used for what was asked for, on machines with and without GPUs."""

import subprocess
import sys
import tempfile
from types import ModuleType

import pytest

from bench.doctor import examine
from bench.errors import BenchError
from bench.execution import devices
from bench.execution.devices import Devices, Slot, driver_version, find_devices, visible_gpus

A, B, C = "GPU-8932f937-d72c", "GPU-8932abcd-0000", "GPU-11112222-3333"
M, N = "MIG-c7384736-aaaa", "MIG-dc1d1d3c-bbbb"


class FakeNvml(ModuleType):
    """NVML with these GPUs: a UUID each, None for one that fails, or (UUID, MIG devices)."""

    class NVMLError(Exception):
        pass

    def __init__(self, *gpus):
        super().__init__("pynvml")
        self.gpus = gpus

    def nvmlInit(self):
        pass

    def nvmlShutdown(self):
        pass

    def nvmlDeviceGetCount(self):
        return len(self.gpus)

    def nvmlSystemGetDriverVersion(self):
        return "570.124.06"

    def nvmlDeviceGetHandleByIndex(self, index):
        if self.gpus[index] is None:
            raise self.NVMLError("GPU is lost")
        return self.gpus[index]

    def nvmlDeviceGetUUID(self, handle):
        return handle if isinstance(handle, str) else handle[0]

    def nvmlDeviceGetMigMode(self, handle):
        if isinstance(handle, str):
            raise self.NVMLError("Not Supported")
        return 1, 1

    def nvmlDeviceGetMaxMigDeviceCount(self, handle):
        return 7

    def nvmlDeviceGetMigDeviceHandleByIndex(self, handle, index):
        if index >= len(handle[1]):
            raise self.NVMLError("Not Found")
        return handle[1][index]

    def nvmlDeviceGetGpuInstanceId(self, part):
        return {M: 1, N: 2}[part]

    def nvmlDeviceGetComputeInstanceId(self, part):
        return 0


@pytest.fixture
def machine(monkeypatch, tmp_path):
    def machine(gpus, visible: str | None = None, cores: int = 4) -> None:
        monkeypatch.setitem(sys.modules, "pynvml", FakeNvml(*gpus))
        monkeypatch.setattr(devices, "cores", lambda: cores)
        if visible is None:
            monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
        else:
            monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)

    # leases of this machine's own runs are not to be seen
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return machine


def one_line(function, *arguments) -> str:
    with pytest.raises(BenchError) as told:
        function(*arguments)
    assert "\n" not in str(told.value)
    return str(told.value)


@pytest.mark.parametrize(
    ("gpus", "visible", "seen"),
    [
        ([], None, []),
        ([A, B], None, [A, B]),
        ([A, B, C], "2,1", [C, B]),
        ([A, B, C], " 2 , 1 ", [C, B]),
        ([A, B], "", []),
        ([A, B], " ", []),
        ([A, B], "-1", []),
        ([A, B], "NoDevFiles", []),
        # the list ends at the first entry that names nothing
        ([A, B], "0,-1,1", [A]),
        ([A, B], "1,7,0", [B]),
        ([A, B], "1,banana", [B]),
        ([A, B], "1,,0", [B]),
        ([A, B], "0,", [A]),
        ([A, B], f"0,{B}", [A]),
        ([A, B], f"{B},0", [B]),
        # CUDA reads a number as far as it goes
        ([A, B], "1x,+0", [B, A]),
        # UUIDs may be cut short while one GPU begins so
        ([A, B, C], f"{C}, {A}", [C, A]),
        ([A, B, C], "GPU-1111,GPU-8932f", [C, A]),
        ([A, B, C], "GPU-1111,GPU-8932", [C]),
        # without NVML there is no GPU, whatever the variable says
        ([], "0,1", []),
        ([], "banana", []),
        # a GPU that does not answer keeps its number
        ([None, B], None, [B]),
        ([None, B], "1", [B]),
        # a GPU that MIG divides stands for its parts
        ([A, (B, [M, N])], None, [A, M, N]),
        ([A, (B, [M, N])], "1", [M, N]),
        ([A, (B, [M, N])], B, [M, N]),
        ([A, (B, [M, N])], f"{N},{M}", [N, M]),
        ([A, (B, [M, N])], "MIG-dc1d", [N]),
        ([A, (B, [M, N])], f"MIG-{B}/2/0,{A}", [N, A]),
        ([A, (B, [])], None, [A]),
    ],
)
def test_gpus_are_those_the_environment_shows(machine, gpus, visible, seen):
    machine(gpus, visible)
    assert visible_gpus() == seen


@pytest.mark.parametrize(
    ("gpus", "visible", "told"),
    [
        ([A, B], "2", "'2' is none of this machine's 2 GPUs"),
        ([A, B], "7,banana", "'7' is none"),
        ([A, B], "banana", "'banana' is none"),
        ([A, B], "GPU-8932", "'GPU-8932' is none"),
        ([A, B], "GPU-", "'GPU-' is none"),
        ([A, B], "GPU-0000", "'GPU-0000' is none"),
        ([A, B], M, f"'{M}' is none"),
        ([A, (B, [M, N])], f"MIG-{B}", f"'MIG-{B}' is none"),
        ([A, (B, [])], "1", "'1' is none"),
        ([None, B], "0", "'0' is none"),
        ([A, B], "0,0", "'0,0', which names a GPU twice"),
        ([A, B], f"{A},GPU-8932f", "names a GPU twice"),
        ([A, (B, [M, N])], f"{M},{B}", "names a GPU twice"),
    ],
)
def test_a_list_that_shows_cuda_nothing_is_told_in_one_line(machine, gpus, visible, told):
    machine(gpus, visible)
    assert told in one_line(visible_gpus)
    assert f"CUDA_VISIBLE_DEVICES is '{visible}'" in one_line(find_devices, "auto")
    assert [str(slot) for slot in find_devices("cpu").slots()] == ["cpu"] * 4


def test_the_doctor_tells_of_such_a_list(machine, tmp_path):
    machine([A, B], "banana")
    (gpus,) = (finding for finding in examine(tmp_path) if finding.what == "GPUs")
    assert "'banana' is none" in gpus.problem


@pytest.mark.parametrize(
    ("gpus", "visible", "device", "jobs", "expected"),
    [
        ([], None, "auto", None, ["cpu"] * 4),
        ([], None, "auto", 2, ["cpu"] * 2),
        ([], None, "cpu", 6, ["cpu"] * 6),
        ([A, B], None, "cpu", None, ["cpu"] * 4),
        ([A, B], "", "auto", None, ["cpu"] * 4),
        ([A, B], None, "auto", None, [A, B]),
        ([A, B], None, "auto", 1, [A]),
        ([A, B], None, "cuda", 8, [A, B]),
        ([A, B, C], None, "cuda:0,2", None, [A, C]),
        ([A, B, C], None, "cuda:1,0", None, [B, A]),
        ([A, B, C], "2,1", "cuda:0", None, [C]),
        ([A, B, C], "2,1", "cuda:1,0", None, [B, C]),
        ([A, (B, [M, N])], None, "cuda:2,0", None, [N, A]),
    ],
)
def test_slots_follow_what_was_asked_for(machine, gpus, visible, device, jobs, expected):
    machine(gpus, visible)
    slots = find_devices(device, jobs).slots()
    assert [slot.visible or slot.device for slot in slots] == expected


@pytest.mark.parametrize(
    ("gpus", "visible", "device", "jobs", "message"),
    [
        ([A, B], None, "gpu", None, "unknown device 'gpu'"),
        ([A, B], None, "", None, "unknown device ''"),
        ([A, B], None, "cpu:0", None, "unknown device 'cpu:0'"),
        ([A, B], None, "auto:1", None, "unknown device 'auto:1'"),
        ([], None, "cuda", None, "no GPU can be seen here; use --device cpu"),
        ([A, B], "", "cuda", None, "no GPU can be seen here"),
        ([A, B], "-1", "cuda:0", None, "no GPU can be seen here"),
        ([A, B], None, "cuda:2", None, "there is no GPU '2'; this machine shows 2"),
        ([A, B], "1", "cuda:1", None, "there is no GPU '1'; this machine shows 1"),
        ([A, B], None, "cuda:0,0", None, "names a GPU twice"),
        ([A, B], None, "cuda:x", None, "there is no GPU 'x'"),
        ([A, B], None, "cuda:-1", None, "there is no GPU '-1'"),
        ([A, B], None, "cuda:0,", None, "there is no GPU ''"),
        ([], None, "cpu", 0, "--jobs is 0"),
        ([], None, "auto", -1, "--jobs is -1"),
    ],
)
def test_what_cannot_be_had_is_told_in_one_line(machine, gpus, visible, device, jobs, message):
    machine(gpus, visible)
    assert message in one_line(find_devices, device, jobs)


@pytest.mark.parametrize("number", [0, -1, 65])
def test_a_wrong_number_of_slots_is_told_in_one_line(machine, number):
    machine([A])
    assert f"--slots-per-device is {number}" in one_line(find_devices, "auto", None, number)


def test_several_workers_share_a_gpu_and_its_memory(machine):
    machine([A, B])
    slots = find_devices("auto", None, 4).slots()
    assert [slot.visible for slot in slots] == [A, B] * 4
    assert {slot.environment()["BENCH_MEMORY_FRACTION"] for slot in slots} == {"0.25"}
    assert [slot.visible for slot in find_devices("auto", 3, 4).slots()] == [A, B, A]
    machine([])
    assert find_devices("auto", None, 4).slots() == [Slot("cpu")] * 4


def test_a_slot_knows_how_many_workers_share_its_device(machine):
    machine([A, B])
    assert [slot.share for slot in find_devices("auto", 3, 4).slots()] == [2, 1, 2]
    machine([], cores=4)
    for jobs, share in ((None, 1), (4, 1), (5, 2), (9, 3)):
        assert {slot.share for slot in find_devices("cpu", jobs).slots()} == {share}


def test_a_worker_sees_its_own_device_alone():
    assert Slot("cpu").environment()["CUDA_VISIBLE_DEVICES"] == ""
    assert "BENCH_MEMORY_FRACTION" not in Slot("cpu").environment()
    assert Slot("cuda", A).environment()["CUDA_VISIBLE_DEVICES"] == A
    assert Slot("cuda", A).environment()["BENCH_MEMORY_FRACTION"] == "1.0"
    assert Slot("cuda", A).environment()["CUDA_DEVICE_ORDER"] == "PCI_BUS_ID"
    assert Slot("cpu").environment()["OMP_NUM_THREADS"] == "1"


def taken(slots: list[Slot]) -> list[str | None]:
    return [slot.visible for slot in slots]


def test_a_second_run_takes_other_gpus_or_is_told_who_has_them(machine):
    machine([A, B])
    one, both = Devices((A, B), jobs=1), Devices((A, B))
    with one.leased() as (first, nothing):
        assert (taken(first), nothing) == ([A], [])
        with one.leased() as (second, held):
            assert taken(second) == [B]
            (line,) = held
            assert line.startswith(f"GPU {A} is in use by process ")
            with pytest.raises(BenchError, match=rf"{A} is in use.*{B} is in use.*wait") as told:
                both.leased().__enter__()
            assert "\n" not in str(told.value)
        # the failed attempt gave nothing away, and the second run gave its GPU back
        with both.leased() as (third, _):
            assert taken(third) == [B]
    with both.leased() as (all_of_them, held):
        assert (taken(all_of_them), held) == ([A, B], [])


def test_every_slot_of_a_leased_gpu_is_the_same_run_s(machine):
    machine([A, B])
    with Devices((A,), per_gpu=3).leased() as (slots, _):
        assert taken(slots) == [A, A, A]
        with Devices((A, B), per_gpu=2).leased() as (others, _):
            assert taken(others) == [B, B]


def test_a_cpu_is_leased_to_nobody(machine, tmp_path):
    machine([])
    with find_devices("auto").leased() as (slots, held):
        assert (slots, held) == ([Slot("cpu")] * 4, [])
    assert list(tmp_path.iterdir()) == []


HOLDER = """
import sys, tempfile
tempfile.tempdir = sys.argv[1]
from bench.execution.devices import Devices
with Devices((sys.argv[2],)).leased():
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_lease_ends_with_the_process_that_held_it(machine, tmp_path):
    machine([A])
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path), A],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(BenchError, match=f"process {holder.pid} on "), Devices((A,)).leased():
            pytest.fail("two runs on one GPU")
    finally:
        holder.kill()
        holder.communicate()
    with Devices((A,)).leased() as (slots, _):
        assert taken(slots) == [A]


def test_a_folder_for_leases_that_cannot_be_used_is_told(machine, tmp_path, monkeypatch):
    machine([A])
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    with pytest.raises(BenchError, match="set TMPDIR"), Devices((A,)).leased():
        pytest.fail("leased without a lock")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(devices.os, "getuid", lambda: 4711)
    with pytest.raises(BenchError, match="is not yours"), Devices((A,)).leased():
        pytest.fail("leased in a stranger's folder")


def test_the_driver_is_named_where_there_is_one(machine, monkeypatch):
    machine([A])
    assert driver_version() == "570.124.06"
    monkeypatch.setattr(FakeNvml, "nvmlSystemGetDriverVersion", lambda _: b"470.42")
    assert driver_version() == "470.42"
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert driver_version() is None
    assert visible_gpus() == []
