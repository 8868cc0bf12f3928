"""Each operation on files fails once: the path is named, nothing is left, old files stay."""

import itertools
import shutil

import pytest

from ner.errors import NerError
from ner.exporting.model import export
from ner.files import replacing, write_folder, write_json
from ner.model_folder import load_model, save_model
from tests.cli.helpers import CONLL
from tests.failing_disk import FailingDisk, contents, failing


def restore(folder, copy):
    shutil.rmtree(folder)
    shutil.copytree(copy, folder)


def fails_everywhere(folder, operation, stride=1):
    """Let each operation on files fail in turn, and check what is said and what is left.

    Returns how many failed.
    """
    copy = folder.with_name("copy")
    shutil.copytree(folder, copy)
    before = contents(folder)
    operation()
    after = contents(folder)
    for number in itertools.count(1, stride):
        restore(folder, copy)
        disk, error = FailingDisk(folder, number), None
        try:
            with failing(disk):
                operation()
        except (OSError, NerError) as found:
            error = found
        if disk.count < number:
            return number - stride
        found = contents(folder)
        if error is None:  # nothing depends on it, such as the name in a lock
            assert found.keys() == after.keys()
            continue
        assert str(folder) in str(error)
        assert "/." not in str(error), "a hidden file is named"
        assert found == before
    raise AssertionError


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "place").mkdir()
    return tmp_path / "place"


def test_a_file_is_written_or_stays_as_it_was(folder):
    (folder / "a.json").write_text("old")
    assert fails_everywhere(folder, lambda: write_json(folder / "a.json", [1, 2])) >= 4


def test_a_file_that_is_new_is_written_or_not_there(folder):
    def write():
        with replacing(folder / "a.bin") as beside, beside.open("wb") as file:
            file.write(b"1")
            file.write(b"2")

    assert fails_everywhere(folder, write) >= 5


def fill(beside):
    write_json(beside / "a.json", [1])
    (beside / "inner").mkdir()
    (beside / "inner/b.txt").write_text("b")


@pytest.mark.parametrize("exchange", [True, False], ids=["exchanged", "moved aside"])
@pytest.mark.parametrize("is_new", [True, False], ids=["new", "replaced"])
def test_a_folder_is_written_or_stays_as_it_was(folder, monkeypatch, exchange, is_new):
    if not exchange:
        monkeypatch.setattr("ner.files._exchanged", lambda *_: False)
    if not is_new:
        write_folder(folder / "model", {"format": 1}, lambda beside: (beside / "c").write_text("c"))
    write = lambda: write_folder(folder / "model", {"format": 1}, fill)  # noqa: E731
    assert fails_everywhere(folder, write) >= 12


def test_parents_that_were_made_for_a_folder_are_removed_again(folder):
    assert fails_everywhere(folder, lambda: write_folder(folder / "a/b/c", {"format": 1}, fill))


def test_a_model_is_saved_or_stays_as_it_was(folder, tiny_model):
    shutil.copytree(tiny_model, folder / "model")
    model = load_model(tiny_model)
    save = lambda: save_model(folder / "model", model)  # noqa: E731
    assert fails_everywhere(folder, save, stride=5) >= 30


def test_a_model_is_exported_or_stays_as_it_was(folder, tiny_model):
    shutil.copytree(tiny_model, folder / "model")
    assert fails_everywhere(folder, lambda: export(folder / "model"), stride=11) >= 30


COMMANDS = {
    "convert": ["data", "convert", "in/a.conll", "out/a.jsonl"],
    "convert, packed": ["data", "convert", "in/a.conll", "out/a.jsonl.gz"],
    "convert, brat": ["data", "convert", "in/a.conll", "out/brat", "--to", "brat"],
    "split": ["data", "split", "in/a.conll", "--out", "out/split", "--ratios", "1", "1", "0"],
    "sample": ["data", "sample", "in/a.conll", "-n", "1", "--out", "out/a.conll"],
    "fix": ["data", "check", "in/a.conll", "--fix", "out/a.conll"],
}


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_a_command_says_in_one_line_what_it_cannot_write(run, tmp_path, command):
    for name in ("in", "out"):
        (tmp_path / name).mkdir()
    (tmp_path / "in/a.conll").write_text("Ada B-PER\n\nleft O\n\nBob B-PER\n")
    for number in itertools.count(1):
        disk = FailingDisk(tmp_path / "out", number)
        with failing(disk):
            code, _, err = run(*command)
        if disk.count < number:
            assert (code, number > 4) == (0, True)
            break
        if code == 0:  # nothing depends on it, such as the name in a lock
            shutil.rmtree(tmp_path / "out")
            (tmp_path / "out").mkdir()
            continue
        assert code == 1
        last = err.splitlines()[-1]
        assert last.startswith("out/")
        assert last.lower().endswith("no space left on device.")
        assert "/." not in last
        left = [p for p in (tmp_path / "out").rglob("*") if p.is_file()]
        assert [p.name for p in left if p.name.startswith(".")] == []
        shutil.rmtree(tmp_path / "out")
        (tmp_path / "out").mkdir()


def test_a_training_that_cannot_write_can_be_resumed(run, tmp_path):
    (tmp_path / "a.conll").write_text(CONLL)
    settings = ["words.size=4", "affixes.rows=8", "encoder.size=4", "training.threads=1"]
    settings += ["training.checkpoint_minutes=1e-9", "training.export=false"]
    words = [word for setting in settings for word in ("--set", setting)]
    train = ["train", "--train", "a.conll", "--dev", "a.conll", "--epochs", "2", *words]

    def weights(name):
        return (tmp_path / name / "model/model.safetensors").read_bytes()

    whole = FailingDisk(tmp_path / "whole")
    with failing(whole):
        assert run(*train, "--out", "whole")[0] == 0
    for number in range(1, whole.count, whole.count // 5):
        with failing(FailingDisk(tmp_path / "cut", number)):
            code, out, err = run(*train, "--out", "cut")
        if code:
            assert (code, out) == (1, "")
            assert err.splitlines()[-1].startswith("cut")
            assert [path.name for path in tmp_path.rglob(".*")] == []
            resume = ["--resume"] * (tmp_path / "cut").exists()
            assert run(*train, "--out", "cut", *resume)[0] == 0
        assert weights("cut") == weights("whole")
        shutil.rmtree(tmp_path / "cut")
