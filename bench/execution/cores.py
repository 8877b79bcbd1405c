"""The processors of this machine that this process may use."""

from __future__ import annotations

import math
import os
from pathlib import Path


def cores(root: Path = Path("/")) -> int:
    """Count the processors this process may use: by its affinity, and its container's quota.

    A quota is rounded up. ``root`` is the folder that holds ``proc`` and ``sys``.
    """
    quota = _quota(root)
    return len(usable_cores()) if quota is None else min(len(usable_cores()), quota)


def usable_cores() -> frozenset[int]:
    """Return the numbers of the processors that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return frozenset(os.sched_getaffinity(0))
    return frozenset(range(os.cpu_count() or 1))


def _quota(root: Path) -> int | None:
    """Return the processors that the control groups of this process grant; None: no limit.

    A group is bounded by its parents. Version 2 has one hierarchy, with ``cpu.max``; version 1
    has one for the controller ``cpu``. In a container, the group's own path may not exist below
    the mount point, which then shows the container's group itself.
    """
    found = []
    for line in _lines(root / "proc/self/cgroup"):
        _, controllers, path = [*line.split(":", 2), "", ""][:3]
        if controllers and "cpu" not in controllers.split(","):
            continue
        for home in ("sys/fs/cgroup/cpu", "sys/fs/cgroup/cpu,cpuacct") if controllers else (
            "sys/fs/cgroup", "sys/fs/cgroup/unified"
        ):  # fmt: skip
            top = root / home
            group = top / path.strip("/")
            for folder in (group, *group.parents):
                if folder.is_relative_to(top):
                    found.append(_granted(folder))
    limits = [each for each in found if each is not None]
    return max(1, math.ceil(min(limits))) if limits else None


def _granted(group: Path) -> float | None:
    """Return the processors that one control group grants; None where it sets no limit."""
    numbers = " ".join(_lines(group / "cpu.max")).split()
    if not numbers:
        numbers = [*_lines(group / "cpu.cfs_quota_us"), *_lines(group / "cpu.cfs_period_us")]
    try:
        quota, period = map(int, numbers)
    except ValueError:  # "max", or no such files
        return None
    return quota / period if quota > 0 and period > 0 else None


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return []
