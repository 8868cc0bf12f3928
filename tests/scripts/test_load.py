"""The load script works in small; its figures are measured by hand."""

import json

import pytest

pytest.importorskip("fastapi")

from tests.scripts.running import import_script

load = import_script("load.py")


def rows(capsys, *arguments):
    """Run the script; returns the lines that it prints."""
    load.main([str(each) for each in arguments])
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("http://192.0.2.1:8000", id="address"),
        pytest.param("192.0.2.1", id="address alone"),
        pytest.param("http://[2001:db8::1]:8000", id="IPv6"),
        pytest.param("http://0.0.0.0:8000", id="all addresses"),
        pytest.param("http://127.0.0.1@192.0.2.1/", id="user"),
        pytest.param("http://nowhere.invalid", id="unknown name"),
        pytest.param("http://127.0.0.1:70000", id="port"),
        pytest.param("", id="nothing"),
    ],
)
def test_only_services_on_this_machine_are_loaded(url):
    with pytest.raises(SystemExit, match=r"URL: must be of this machine, such as .* Got '.*'\.$"):
        load.main(["steady", url])


def test_bounds_are_kept(capsys):
    with pytest.raises(SystemExit, match="2"):
        load.main(["steady", "localhost", "--connections", "100000"])
    assert "must be from 1 to 1000. Got 100000." in capsys.readouterr().err


def test_options_for_a_service_need_one_that_is_started(capsys):
    with pytest.raises(SystemExit, match="2"):
        load.main(["steady", "localhost", "--", "--max-queue", "2"])
    assert "-- OPTIONS are for overload, soak and drain." in capsys.readouterr().err


def test_a_service_that_does_not_run_is_told():
    with load.bind("127.0.0.1", 0) as free:
        address = load.url_of(free)
    with pytest.raises(SystemExit, match=r"^URL: must be of a service that runs. Got "):
        load.main(["steady", address, "--requests", "1"])


def test_micro_batches_are_compared_with_one_call_at_a_time(capsys):
    words = ["compare", "en", "--connections", "1", "8", "--seconds", "0.1", "--rounds", "1"]
    found = rows(capsys, *words)
    assert [row["connections"] for row in found] == [1, 1, 1, 8, 8, 8]
    for row in found:
        if "service" in row:
            assert row["statuses"] == {"200": row["requests"]}
            assert 0 < row["p50_ms"] <= row["p99_ms"] <= row["max_ms"]
            assert row["requests_per_second"] > 0
        else:
            assert row["micro_batches_to_inline"] > 0
    assert {row["service"] for row in found if "service" in row} == {"micro-batches", "inline"}


def test_a_service_sheds_what_is_too_much_and_recovers(capsys):
    words = ["overload", "en", "--seconds", "0.5", "--measure", "0.2", "--texts", "8"]
    words += ["--connections", "2"]  # for all of them there is a place
    capacity, found, recovery = rows(capsys, *words, "--", "--max-queue", "2")
    assert capacity["requests_per_second"] > 0
    assert set(found["statuses"]) == {"200", "429"}
    assert 0 < found["share_of_429"] < 1
    assert found["without_retry_after"] == 0 and found["of_429"]["p50_ms"] > 0
    assert recovery["seconds"] is not None


def test_memory_and_descriptors_are_looked_at(capsys):
    before, *found = rows(capsys, "soak", "en", "--requests", "60", "--parts", "2")
    assert [row["requests_so_far"] for row in (before, *found)] == [0, 30, 60]
    assert [row["statuses"] for row in found] == [{"200": 30}] * 2
    assert all(row["memory_mib"] > 10 and row["descriptors"] > 3 for row in (before, *found))
    assert found[0]["descriptors"] == found[1]["descriptors"]


def test_requests_in_flight_at_the_end_are_answered(capsys):
    (found,) = rows(capsys, "drain", "en", "--in-flight", "10", "--texts", "2")
    assert found["statuses"] == {"200": 10}
    assert found["exit_code"] == 0
