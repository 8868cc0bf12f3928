"""Several seeds at once: the same results, and what is left after failures and signals."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.numpy import load_file

from ner.errors import DataError
from ner.training import jobs as jobs_module
from ner.training.seeds import train_seeds

ROOT = Path(__file__).parents[2]
TINY = {
    "words.size": 8,
    "characters.size": 4,
    "characters.output_size": 8,
    "affixes.rows": 64,
    "encoder.size": 8,
    "training.epochs": 1,
    "training.device": "cpu",
}
EPOCHS = 60
ROWS = """Ada B-PER
Lovelace I-PER
left O
London B-LOC

Mary B-PER
met O
Ada B-PER
in O
Geneva B-LOC

Nothing O
happened O

"""
posix = pytest.mark.skipif(os.name == "nt", reason="needs signals of POSIX")


@pytest.fixture
def tiny(tmp_path):
    """Return settings of a training that takes a second."""
    (tmp_path / "a.conll").write_text(ROWS)
    return {**TINY, "data.train": str(tmp_path / "a.conll"), "data.dev": str(tmp_path / "a.conll")}


def weights(folder):
    return {k: v.tobytes() for k, v in load_file(folder / "model/model.safetensors").items()}


def epochs(folder):
    lines = (folder / "metrics.jsonl").read_text("utf-8").splitlines()
    return [json.loads(line)["epoch"] for line in lines]


def test_several_processes_find_the_same_as_one(tmp_path, caplog, tiny):
    settings = {**tiny, "training.threads": 1}
    one = train_seeds(seeds=2, out=tmp_path / "one", set=settings, progress=False)
    caplog.clear()
    caplog.set_level("INFO", "ner")
    two = train_seeds(seeds=2, jobs=2, out=tmp_path / "two", set=settings)
    assert one.to_dict() == two.to_dict()
    assert str(one) == str(two)
    for seed in ("seed-1", "seed-2"):
        assert weights(tmp_path / "one" / seed) == weights(tmp_path / "two" / seed)
    said = [record.getMessage() for record in caplog.records]
    assert all(line.startswith(("seed 1: ", "seed 2: ")) for line in said)
    assert sum(line.startswith("seed 2: epoch   1  loss ") for line in said) == 1


def test_processes_that_fill_the_cores_have_a_thread_each(tmp_path, monkeypatch):
    monkeypatch.setattr(jobs_module, "count_cores", lambda: 4)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 4)
    begun = []

    class Run:
        def __init__(self, *arguments):
            begun.append(arguments)
            raise KeyboardInterrupt

    monkeypatch.setattr(jobs_module, "_Run", Run)
    for jobs in (2, 3, 8):
        with pytest.raises(KeyboardInterrupt):
            jobs_module.train_in_processes({"a": {}}, jobs)
    assert [threads for _, _, threads in begun] == [2, 1, 1]


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_seed_that_fails_costs_no_other_one(tmp_path, caplog, tiny, jobs):
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "run.json").write_text('{"seeds": [1, 2]}')
    (tmp_path / "runs" / "seed-1").write_text("in the way")
    arguments = {"seeds": 2, "jobs": jobs, "out": tmp_path / "runs", "set": tiny}
    summary = train_seeds(**arguments, resume=True, progress=False)
    reason = f"{tmp_path}/runs/seed-1: the folder of a run. Got a file."
    assert summary.failed == {"seed 1": reason}
    assert [run["seed"] for run in summary.runs] == [2]
    assert str(summary).splitlines()[1].startswith("seed 2 ")
    assert f"seed 1 failed: {reason}" in caplog.messages
    kept = json.loads((tmp_path / "runs" / "seeds.json").read_text())
    assert (kept["failed"], len(kept["runs"])) == ({"seed 1": reason}, 1)

    before = (tmp_path / "runs" / "seed-2" / "report.json").stat().st_mtime_ns
    (tmp_path / "runs" / "seed-1").unlink()
    summary = train_seeds(seeds=2, jobs=jobs, out=tmp_path / "runs", resume=True, progress=False)
    assert ([run["seed"] for run in summary.runs], summary.failed) == ([1, 2], {})
    assert (tmp_path / "runs" / "seed-2" / "report.json").stat().st_mtime_ns == before


def test_if_all_fail_the_first_says_why_and_nothing_is_left(tmp_path):
    (tmp_path / "broken.conll").write_text("Ada B-PER\nleft O\n\nbroken\n\n")
    changed = {**TINY, "data.train": str(tmp_path / "broken.conll")}
    with pytest.raises(DataError, match=r"broken\.conll:4"):
        train_seeds(seeds=2, jobs=2, out=tmp_path / "runs", set=changed, progress=False)
    assert not (tmp_path / "runs").exists()


def test_jobs_need_several_seeds(run):
    code, out, err = run("train", "--train", "sample:dev", "--jobs", 2)
    assert (code, out) == (2, "")
    assert err == "--jobs: needs --seeds with at least 2. Got 2 jobs for one seed.\n"


@pytest.fixture
def start(tmp_path, tiny):
    """Return what starts to train two seeds by the command line; it ends with the test."""
    settings = {**tiny, "training.epochs": EPOCHS, "training.threads": 1}
    changes = [word for k, v in settings.items() for word in ("--set", f"{k}={v}")]
    command = [sys.executable, "-m", "ner", "train", "--seeds", "2", "--jobs", "2"]
    begun = []
    # A program in the background of a shell ignores Ctrl-C, and so would what it starts.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)

    def call():
        process = subprocess.Popen(
            [*command, "--out", tmp_path / "runs", *changes],
            env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
            stderr=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        begun.append(process)
        return process

    yield call
    signal.signal(signal.SIGINT, before)
    for process in begun:
        process.kill()
        process.communicate()


def wait_until(is_true):
    for _ in range(6000):
        if is_true():
            return
        time.sleep(0.01)
    raise AssertionError("this takes more than 60 s")


def wait_for_checkpoints(out):
    folders = [out / f"seed-{seed}" / "checkpoints" for seed in (1, 2)]
    wait_until(lambda: all(list(folder.glob("epoch-*")) for folder in folders))


def end_group(process):
    """Do what a terminal does after Ctrl-C: send the signal to all processes."""
    os.killpg(process.pid, signal.SIGINT)


@posix
@pytest.mark.parametrize(
    ("end", "code"),
    [
        pytest.param(end_group, 130, id="Ctrl-C"),
        pytest.param(subprocess.Popen.terminate, 143, id="SIGTERM"),
    ],
)
def test_a_signal_saves_every_run(tmp_path, start, end, code):
    process = start()
    wait_for_checkpoints(tmp_path / "runs")
    end(process)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (code, "")
    assert "Traceback" not in err
    for seed in (1, 2):
        run = tmp_path / "runs" / f"seed-{seed}"
        assert f"seed {seed}: Interrupted; go on with --resume --out {run}" in err
        assert not (run / ".lock").exists()
        assert 0 < len(epochs(run)) < EPOCHS


@posix
def test_a_process_that_is_killed_costs_no_other_seed_and_resumes(tmp_path, start):
    process = start()
    wait_for_checkpoints(tmp_path / "runs")
    holder = (tmp_path / "runs" / "seed-1" / ".lock").read_bytes()
    os.kill(int(re.search(rb"process (\d+)", holder)[1]), signal.SIGKILL)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "seed 1 failed: the process of a training must not end early. Got SIGKILL.\n" in err
    assert out.splitlines()[1].startswith("seed 2 ")
    assert not (tmp_path / "runs" / "seed-1" / "model").exists()
    before = len(epochs(tmp_path / "runs" / "seed-1"))

    summary = train_seeds(seeds=2, jobs=2, out=tmp_path / "runs", resume=True, progress=False)
    assert (len(summary.runs), summary.failed) == (2, {})
    assert 0 < before < EPOCHS == len(epochs(tmp_path / "runs" / "seed-1"))


@posix
def test_runs_are_saved_if_the_process_that_started_them_is_killed(tmp_path, start):
    process = start()
    wait_for_checkpoints(tmp_path / "runs")
    process.kill()
    process.communicate(timeout=60)
    wait_until(lambda: not list((tmp_path / "runs").glob("seed-*/.lock")))
    assert all(len(epochs(tmp_path / "runs" / f"seed-{seed}")) < EPOCHS for seed in (1, 2))
    assert not list((tmp_path / "runs").glob("seed-*/model"))
