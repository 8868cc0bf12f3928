"""Ways to tag many texts are compared, and memory is measured."""

import sys

import pytest

from tests.scripts.running import import_script, run_script

SCRIPT = "benchmark/bulk.py"
process_meter = import_script("benchmark/process_meter.py")
pytestmark = pytest.mark.skipif(not process_meter.PROC.exists(), reason="processes are in /proc")

# Holds 50 MB and works a while, in a process that outlives the one that started it.
WORK = "x = bytearray(50 << 20); sum(range(10_000_000))"
START = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {WORK!r}]).wait()"


def test_each_way_tags_the_same_tokens(tiny_model):
    options = ["--tokens", 3000, "--workers", 1, "--rows", 200, "--model", tiny_model]
    result = run_script(SCRIPT, *options)
    assert result.returncode == 0, result.stderr
    rows = [line.strip("| ").split(" | ") for line in result.stdout.splitlines()]
    plain, local = (row for row in rows if row[0] == "1")
    assert [plain[1], local[1], plain[6]] == ["plain", "local", "1.00"]
    assert plain[2] == local[2]
    assert 3000 <= int(plain[2].replace(",", "")) < 3100
    assert [row[0] for row in rows[-2:]] == ["20", "200"]


def test_the_processes_of_processes_are_measured(tmp_path):
    found = process_meter.measure([sys.executable, "-c", START], tmp_path / "out")
    assert found.cpu > 0.1
    assert 50 < found.megabytes < 200


def test_a_command_that_fails_is_told(tmp_path):
    with pytest.raises(RuntimeError, match="Got the code 1"):
        process_meter.measure([sys.executable, "-c", "raise SystemExit(1)"], tmp_path / "out")


def test_a_mistake_is_one_line():
    result = run_script(SCRIPT, "--tokens", 0)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith("--tokens, --workers, --rounds: must be at least 1")
