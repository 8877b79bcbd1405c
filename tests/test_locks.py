"""File systems that cannot lock files are told as such, and not as a folder in use."""

import errno
import fcntl
import os

import pytest

from bench.errors import BenchError
from bench.execution.devices import Devices
from bench.locks import UNLOCKED
from bench.once import once
from bench.records.store import Store


@pytest.fixture(params=["ENOLCK", "EOPNOTSUPP", "ENOSYS"])
def no_locks(request, monkeypatch):
    number = getattr(errno, request.param)

    def flock(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", flock)
    monkeypatch.delenv(UNLOCKED, raising=False)
    return os.strerror(number)


def test_a_results_folder_without_locks_is_refused_unless_the_user_vouches(
    no_locks, tmp_path, monkeypatch
):
    with pytest.raises(BenchError, match="--results") as told, Store(tmp_path).writing():
        pytest.fail("it cannot be kept from other runs")
    assert no_locks in str(told.value)
    assert "in use" not in str(told.value)
    assert str(tmp_path) in str(told.value)
    monkeypatch.setenv(UNLOCKED, "1")
    with Store(tmp_path).writing():
        assert (tmp_path / ".lock").read_text().startswith(f"process {os.getpid()}")


def test_a_lease_without_locks_is_refused_unless_the_user_vouches(no_locks, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(BenchError, match="TMPDIR") as told, Devices(("GPU-a",)).leased():
        pytest.fail("it cannot be kept from other runs")
    assert no_locks in str(told.value)
    monkeypatch.setenv(UNLOCKED, "1")
    with Devices(("GPU-a",)).leased() as (slots, held):
        assert (len(slots), held) == (1, [])


@pytest.mark.parametrize("number", [errno.EAGAIN, errno.EACCES])
def test_what_another_holds_is_in_use_whichever_error_says_so(tmp_path, monkeypatch, number):
    def flock(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", flock)
    with pytest.raises(BenchError, match="in use by another process"), Store(tmp_path).writing():
        pytest.fail("two runs at once")


@pytest.mark.usefixtures("no_locks")
def test_what_is_computed_once_is_computed_without_locks(tmp_path):
    file = tmp_path / "value"
    assert once(file, lambda f: f.read_text(), lambda f: f.write_text("sound")) == "sound"
    assert file.read_text() == "sound"
