"""Worker processes that die, and runs that are killed."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import ner
from ner.bulk import attempts, local_engine
from ner.bulk.attempts import Attempts
from ner.bulk.units import Unit
from ner.errors import ConfigError, DataError
from tests.bulk.corpora import expected, results, rows, shards, write_jsonl, write_parquet
from tests.failing_texts import FAILS, KillOnce, kill_on_mark, raise_on_mark

ROOT = Path(__file__).parents[2]


def test_processes_find_the_same_as_this_one(tiny_model, tmp_path):
    for i in range(3):
        write_parquet(tmp_path / "in" / f"{i}.parquet", rows(5, 5 * i))
    summary = ner.tag_files(tmp_path / "in", tmp_path / "out", tiny_model, workers=2)
    assert (summary.shards, summary.rows, summary.failed) == (3, 15, {})
    found = sorted(results(tmp_path / "out"), key=lambda row: row["id"])
    assert found == expected(tiny_model, rows(15))


def test_a_process_that_is_killed_once_costs_no_row(tiny_model, tmp_path):
    records = [*rows(4), {"id": 4, "text": FAILS}, *rows(3, 5)]
    write_jsonl(tmp_path / "a.jsonl", records)
    split = KillOnce(tmp_path / "killed")
    summary = ner.tag_files(
        tmp_path / "a.jsonl", tmp_path / "out", tiny_model, workers=1, split=split
    )
    assert (tmp_path / "killed").exists()
    assert (summary.rows, summary.errors, summary.killers) == (8, 0, ())
    assert results(tmp_path / "out") == expected(tiny_model, records)


def test_a_row_that_kills_its_process_is_found_and_spoils_no_other(tiny_model, tmp_path):
    records = rows(9)
    records[6] = {"id": 6, "text": FAILS}
    write_jsonl(tmp_path / "a.jsonl", records)
    write_jsonl(tmp_path / "b.jsonl", rows(3, 9))
    summary = ner.tag_files(
        tmp_path / "*.jsonl", tmp_path / "out", tiny_model, workers=2, split=kill_on_mark
    )
    name = tmp_path / "a.jsonl"
    assert summary.killers == (f"{name}:7",)
    assert (summary.rows, summary.errors, summary.failed) == (12, 1, {})
    found = sorted(results(tmp_path / "out"), key=lambda row: row["id"])
    error = "The text ended the process that tagged it: signal SIGKILL."
    for row, known in zip(found, expected(tiny_model, [*records, *rows(3, 9)]), strict=True):
        if row["id"] == 6:
            assert row == {"id": row["id"], "text": FAILS, "entities": None, "error": error}
        else:
            assert row == known
    again = ner.tag_files(
        tmp_path / "*.jsonl", tmp_path / "out", tiny_model, workers=2, split=kill_on_mark
    )
    assert (again.present, again.killers) == (2, summary.killers)


def test_a_row_that_fails_may_end_all_processes(tiny_model, tmp_path):
    write_jsonl(tmp_path / "a.jsonl", [*rows(4), {"text": FAILS}])
    with pytest.raises(DataError, match=r"a\.jsonl:5: RuntimeError: a text with the mark"):
        ner.tag_files(
            *(tmp_path / "a.jsonl", tmp_path / "out", tiny_model),
            **{"workers": 1, "split": raise_on_mark, "on_error": "raise"},
        )
    assert not shards(tmp_path / "out")


@pytest.fixture
def unit():
    """Make an attempt at a unit without a file."""
    return Attempts(Unit(None, None, 0, "name"))


def test_rows_get_a_second_try_and_are_then_tagged_one_by_one(unit):
    assert unit.ended((0, 1024), "signal SIGKILL")
    assert unit.caution.alone == {(0, 1024)}
    assert not unit.caution.killers
    assert unit.ended((17, 18), "signal SIGKILL")
    assert not unit.caution.killers
    assert unit.ended((17, 18), "signal SIGKILL")
    assert unit.caution.killers == {
        17: "The text ended the process that tagged it: signal SIGKILL."
    }
    assert unit.ends == 0


def test_a_unit_that_ends_processes_before_any_row_fails_in_the_end(unit):
    tries = [unit.ended(None, "signal SIGKILL") for _ in range(attempts.MOST_ENDS)]
    assert tries == [True] * (attempts.MOST_ENDS - 1) + [False]


def test_a_process_that_does_not_start_is_told(tiny_model, tmp_path, monkeypatch):
    write_jsonl(tmp_path / "a.jsonl", rows(4))
    monkeypatch.setattr(local_engine, "_serve", os._exit)
    with pytest.raises(ConfigError, match=r"workers: must be processes that start\. Got exit code"):
        ner.tag_files(tmp_path / "a.jsonl", tmp_path / "out", tiny_model, workers=1)


SCRIPT = """
import sys, ner
ner.tag_files(sys.argv[1], sys.argv[2], sys.argv[3], workers=1)
"""


def test_a_script_without_a_guard_learns_what_it_needs(tiny_model, tmp_path):
    write_jsonl(tmp_path / "a.jsonl", rows(4))
    (tmp_path / "script.py").write_text(SCRIPT)
    places = [str(tmp_path / name) for name in ("script.py", "a.jsonl", "out")]
    result = subprocess.run(
        [sys.executable, *places, str(tiny_model)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert result.returncode == 1
    assert "A script that starts processes needs the line: if __name__ == '__main__':" in (
        result.stderr
    )


def start(*arguments):
    """Start `ner tag-files` in a process of its own."""
    command = [sys.executable, "-m", "ner", "tag-files", *map(str, arguments), "--workers", "2"]
    return subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(ROOT)})


def kill_after(process, out, count):
    """Kill a run when there are some files of results."""
    while len(shards(out)) < count and process.poll() is None:
        time.sleep(0.001)
    process.kill()
    process.wait()


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs signals of POSIX")
def test_a_run_that_is_killed_three_times_is_finished_by_the_next(tiny_model, tmp_path):
    for i in range(8):
        write_parquet(tmp_path / "in" / f"{i:02}.parquet", rows(40, 40 * i), group=40)
    given = (tmp_path / "in", "--out", tmp_path / "out", "--model", tiny_model)
    for count in (1, 3, 5):
        kill_after(start(*given), tmp_path / "out", count)
    assert start(*given).wait() == 0
    assert (tmp_path / "out" / "_SUCCESS").exists()
    assert len(shards(tmp_path / "out")) == 8
    found = sorted(results(tmp_path / "out"), key=lambda row: row["id"])
    assert found == expected(tiny_model, rows(320))
