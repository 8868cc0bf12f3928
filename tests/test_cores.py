import os

import pytest

from ner import cores


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """Pretend that there are eight processors, and a file system of control groups."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    monkeypatch.setattr(cores, "GROUPS", tmp_path)
    monkeypatch.setattr(cores, "OWN_GROUPS", tmp_path / "own")
    return tmp_path


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_affinity_counts_where_nothing_else_limits(machine, monkeypatch):
    assert cores.count_cores() == 8
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 7)
    assert cores.count_cores() == 7
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert cores.count_cores() == 1


@pytest.mark.parametrize(
    ("quota", "count"),
    [
        pytest.param("max 100000", 8, id="no limit"),
        pytest.param("200000 100000", 2, id="two"),
        pytest.param("350000 100000", 3, id="three and a half"),
        pytest.param("50000 100000", 1, id="a half"),
        pytest.param("6400000 100000", 8, id="more than there are"),
        pytest.param("nonsense", 8, id="unreadable"),
        pytest.param("1 0", 8, id="no period"),
    ],
)
def test_the_quota_of_the_own_group_counts(machine, quota, count):
    write(machine / "own", "0::/jobs/one\n")
    write(machine / "jobs" / "one" / "cpu.max", quota)
    assert cores.count_cores() == count


def test_the_smallest_quota_of_all_groups_around_counts(machine):
    write(machine / "own", "0::/jobs/one\n")
    write(machine / "jobs" / "one" / "cpu.max", "400000 100000")
    write(machine / "jobs" / "cpu.max", "300000 100000")
    write(machine / "cpu.max", "max 100000")
    assert cores.count_cores() == 3


def test_a_container_sees_its_own_group_as_the_root(machine):
    write(machine / "own", "0::/\n")
    write(machine / "cpu.max", "200000 100000")
    assert cores.count_cores() == 2


def test_groups_of_the_first_version_count(machine):
    write(machine / "own", "5:memory:/x\n4:cpu,cpuacct:/jobs\nnonsense\n0::/\n")
    write(machine / "cpu,cpuacct" / "jobs" / "cpu.cfs_quota_us", "250000")
    write(machine / "cpu,cpuacct" / "jobs" / "cpu.cfs_period_us", "100000")
    write(machine / "cpu,cpuacct" / "cpu.cfs_quota_us", "-1")
    write(machine / "cpu,cpuacct" / "cpu.cfs_period_us", "100000")
    assert cores.count_cores() == 2
