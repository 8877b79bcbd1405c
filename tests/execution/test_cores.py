"""The number of processors: affinity, and the quotas of a container's control groups."""

import pytest

from bench.execution import cores as module
from bench.execution.cores import cores


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine with 64 processors whose control groups are these files."""
    monkeypatch.setattr(module, "usable_cores", lambda: frozenset(range(64)))

    def machine(group: str, **files: str):
        (tmp_path / "proc/self").mkdir(parents=True)
        (tmp_path / "proc/self/cgroup").write_text(group)
        for name, content in files.items():
            at = tmp_path / "sys/fs/cgroup" / name
            at.parent.mkdir(parents=True, exist_ok=True)
            at.write_text(content)
        return tmp_path

    return machine


def test_without_groups_the_affinity_counts(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "usable_cores", lambda: frozenset({3, 5, 8}))
    assert cores(tmp_path) == 3
    assert cores() >= 1


@pytest.mark.parametrize(
    ("limit", "expected"),
    [("150000 100000", 2), ("10000 100000", 1), ("max 100000", 64), ("9900000 100000", 64)],
)
def test_version_2_rounds_its_quota_up(machine, limit, expected):
    assert cores(machine("0::/job", **{"job/cpu.max": limit})) == expected


def test_a_group_is_bounded_by_its_parents(machine):
    files = {"a/cpu.max": "300000 100000", "a/b/cpu.max": "max 100000", "a/b/c/cpu.max": "5 1"}
    assert cores(machine("0::/a/b/c\n", **files)) == 3


def test_a_container_sees_its_own_group_at_the_top(machine):
    assert cores(machine("0::/docker/0123abcd", **{"cpu.max": "400000 100000"})) == 4


@pytest.mark.parametrize("home", ["cpu", "cpu,cpuacct"])
def test_version_1_has_a_hierarchy_for_the_processor(machine, home):
    files = {f"{home}/a/cpu.cfs_quota_us": "250000\n", f"{home}/a/cpu.cfs_period_us": "100000\n"}
    group = f"7:memory:/elsewhere\n4:{home}:/a/b\n0::/\n"
    assert cores(machine(group, **files)) == 3


def test_version_1_says_minus_one_where_there_is_no_limit(machine):
    files = {"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}
    assert cores(machine("4:cpu:/\n", **files)) == 64
