"""Who may use the folder of a run, and what is left of one that fails."""

import os

import numpy as np
import pytest

import ner
from ner.errors import DataError, InUseError, TrainingError
from ner.forecasting.run import train_series
from ner.forecasting.settings import series_settings
from ner.forecasting.tables import Table
from ner.training.run_folder import RunFolder, last_folder, open_folder, run_name
from ner.training.seeds import train_seeds

MINE = f"process {os.getpid()} on host "


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def contents(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def finished(folder):
    (folder / "model").mkdir(parents=True)
    (folder / "config.toml").write_text("seed = 1")
    return contents(folder)


def test_two_runs_without_a_name_get_a_folder_each(tmp_path):
    with (
        open_folder(None, "model", resume=False) as first,
        open_folder(None, "model", resume=False) as second,
    ):
        assert [str(f.path) for f in (first, second)] == ["runs/model", "runs/model-2"]


def test_a_run_without_a_name_takes_the_first_free_folder(tmp_path):
    finished(tmp_path / "runs/model")
    (tmp_path / "runs/model-2").write_text("a file")
    (tmp_path / "runs/model-3").mkdir()
    with open_folder(None, "model", resume=False) as folder:
        assert str(folder.path) == "runs/model-3"


@pytest.mark.parametrize(
    ("taken", "expected"),
    [
        pytest.param([], "runs/model", id="none"),
        pytest.param(["runs/model"], "runs/model", id="one"),
        pytest.param(["runs/model", "runs/model-2", "runs/model-4"], "runs/model-2", id="several"),
    ],
)
def test_the_last_run_of_a_name_is_resumed(tmp_path, taken, expected):
    for name in taken:
        finished(tmp_path / name)
    assert str(last_folder(None, "model")) == expected
    assert str(last_folder("elsewhere", "model")) == "elsewhere"
    assert (run_name("configs/small.toml"), run_name(None)) == ("small", "model")


@pytest.mark.parametrize("resume", [False, True], ids=["new", "resumed"])
def test_a_folder_that_is_in_use_is_refused_and_left_as_it_is(tmp_path, resume):
    with RunFolder.open(tmp_path / "run", resume=False):
        finished(tmp_path / "run")
        before = contents(tmp_path / "run")
        with pytest.raises(InUseError, match=f"^{tmp_path}/run: must not .* Got {MINE}"):
            ner.train(train="sample:dev", out=tmp_path / "run", resume=resume, progress=False)
        assert contents(tmp_path / "run") == before
    assert contents(tmp_path / "run") == ["config.toml", "model"]


def test_several_seeds_share_no_folder_with_another_run(tmp_path):
    with RunFolder.open(tmp_path / "run", resume=False), pytest.raises(InUseError, match=MINE):
        train_seeds(seeds=2, out=tmp_path / "run", set={"data.train": "sample:dev"})
    finished(tmp_path / "run")
    with pytest.raises(TrainingError, match="a new run needs a new or empty folder"):
        train_seeds(seeds=2, out=tmp_path / "run", set={"data.train": "sample:dev"})


def test_a_series_shares_no_folder_with_another_run(tmp_path):
    values = np.sin(np.arange(60))[:, None]
    table = Table("a.csv", ("a",), [[repr(x)] for x in values[:, 0].tolist()], range(1, 61))
    settings = series_settings(task="many-to-one", window=4, horizon=1, training={"device": "cpu"})
    with RunFolder.open(tmp_path / "run", resume=False), pytest.raises(InUseError, match=MINE):
        train_series(table, settings, out=tmp_path / "run")


def fail_to_train(**arguments):
    with open("broken.conll", "w", encoding="utf-8") as file:
        file.write("Ada B-PER\nleft O\n\nbroken\n\n")
    with pytest.raises(DataError, match=r"^broken\.conll:4"):
        ner.train(train="broken.conll", dev="sample:dev", progress=False, **arguments)


def test_a_run_that_cannot_begin_leaves_nothing(tmp_path):
    fail_to_train()
    fail_to_train(out="a/b/c")
    with pytest.raises(DataError, match="broken"):
        train_seeds(
            seeds=2, progress=False, set={"data.train": "broken.conll", "data.dev": "sample:dev"}
        )
    assert contents(tmp_path) == ["broken.conll"]


def test_a_run_that_cannot_begin_removes_what_it_made_alone(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run/.notes").write_text("mine")
    with (
        pytest.raises(ZeroDivisionError),
        RunFolder.open(tmp_path / "run", resume=False) as folder,
        folder.taken_back_on_failure(),
    ):
        (folder.path / "encoded").mkdir()
        (folder.path / "encoded/sentences.arrow").write_bytes(b"")
        (folder.path / "config.toml").write_text("")
        (folder.path / "of-somebody-else").write_text("")
        raise ZeroDivisionError
    assert contents(tmp_path / "run") == [".notes", "of-somebody-else"]


def test_a_resumption_that_fails_removes_nothing(tmp_path):
    before = finished(tmp_path / "run")
    with (
        pytest.raises(ZeroDivisionError),
        RunFolder.open(tmp_path / "run", resume=True) as folder,
        folder.taken_back_on_failure(),
    ):
        raise ZeroDivisionError
    assert contents(tmp_path / "run") == before


def test_what_a_killed_run_left_unfinished_is_removed_or_brought_back(tmp_path):
    finished(tmp_path / "run")
    (tmp_path / "run/model").rename(tmp_path / "run/.model.old")
    (tmp_path / "run/.model.new").mkdir()
    for name in (".lock", ".config.toml.new", ".metrics.jsonl.lock", ".notes.new"):
        (tmp_path / "run" / name).write_text("")
    with RunFolder.open(tmp_path / "run", resume=True):
        pass
    assert contents(tmp_path / "run") == [".notes.new", "config.toml", "model"]
