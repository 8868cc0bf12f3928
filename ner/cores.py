"""The number of processors that this process may use."""

import math
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

# Where Linux says to which groups of processes this one belongs, and where the groups are.
OWN_GROUPS, GROUPS = Path("/proc/self/cgroup"), Path("/sys/fs/cgroup")


def count_cores() -> int:
    """Count the processors that the system and its containers allow; at least 1.

    A container or a scheduler limits a process in two ways: it names the processors (affinity), or
    it allows a share of their time (the quota of a control group).
    """
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    return max(1, math.floor(min([cores, *_quotas()])))


def _quotas() -> Iterator[float]:
    """Yield how many processors each control group around this process may keep busy.

    Source: https://docs.kernel.org/admin-guide/cgroup-v2.html, "cpu.max", and
    https://docs.kernel.org/scheduler/sched-bwc.html for the first version.
    """
    lines: list[str] = []
    with suppress(OSError):
        lines = OWN_GROUPS.read_text(encoding="utf-8", errors="replace").splitlines()
    for line in lines:
        _, names, path = (*line.split(":", 2), "", "")[:3]
        if names and "cpu" not in names.split(","):
            continue
        for root in (GROUPS / names, GROUPS / "cpu") if names else (GROUPS,):
            own = root / path.lstrip("/")
            # In a container, the own group may be the root of what can be seen.
            for group in {root, *(p for p in (own, *own.parents) if p.is_relative_to(root))}:
                yield from _quota(group)


def _quota(group: Path) -> Iterator[float]:
    with suppress(OSError, ValueError, ZeroDivisionError):
        quota, period = (group / "cpu.max").read_text(encoding="ascii").split()
        if quota != "max":
            yield int(quota) / int(period)
    with suppress(OSError, ValueError, ZeroDivisionError):
        names = ("cpu.cfs_quota_us", "cpu.cfs_period_us")
        quota, period = (int((group / name).read_text(encoding="ascii")) for name in names)
        if quota > 0:
            yield quota / period
