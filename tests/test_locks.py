import errno
import os
import socket
import subprocess
import sys

import pytest
from filelock import FileLock

from ner.errors import InUseError
from ner.files import replacing, write_folder
from ner.locks import locked

HOLD = """
import sys
from pathlib import Path
from ner.locks import locked

with locked(Path(sys.argv[1]), Path("x")):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def hold(tmp_path):
    """Return a function that lets another process hold a lock, and returns the process."""
    running = []

    def start(lock):
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        process = subprocess.Popen([sys.executable, "-c", HOLD, str(lock)], **pipes)
        running.append(process)
        assert process.stdout.readline() == b"held\n"
        return process

    yield start
    for process in running:
        process.communicate()


def test_who_holds_a_lock_is_named(tmp_path, hold):
    process = hold(tmp_path / "lock")
    with pytest.raises(InUseError) as error, locked(tmp_path / "lock", tmp_path / "run"):
        pass
    assert str(error.value) == (
        f"{tmp_path / 'run'}: must not be in use by another process. Got process {process.pid} on "
        f"host {socket.gethostname()}. Wait until it ends, or write elsewhere."
    )
    # Whoever was refused leaves the lock as it is.
    with pytest.raises(InUseError, match=f"process {process.pid} on host"):
        locked(tmp_path / "lock", tmp_path / "run").__enter__()


def test_the_same_process_holds_a_lock_once(tmp_path):
    with (
        locked(tmp_path / "lock", tmp_path / "run"),
        pytest.raises(InUseError, match=f"process {os.getpid()} on host"),
    ):
        locked(tmp_path / "lock", tmp_path / "run").__enter__()
    with locked(tmp_path / "lock", tmp_path / "run"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_the_lock_of_a_killed_process_is_free(tmp_path, hold):
    process = hold(tmp_path / "lock")
    process.kill()
    process.wait()
    assert (tmp_path / "lock").exists()
    with locked(tmp_path / "lock", tmp_path / "run"):
        name = (tmp_path / "lock").read_bytes()[1:].decode()
        assert name == f"process {os.getpid()} on host {socket.gethostname()}"
    assert list(tmp_path.iterdir()) == []


def test_a_lock_that_names_nobody_is_in_use_by_somebody(tmp_path, hold):
    hold(tmp_path / "lock")
    (tmp_path / "lock").write_bytes(b"\0\x1b]0;a title\x07")
    with pytest.raises(InUseError, match=r"Got one that is unknown\. Wait"):
        locked(tmp_path / "lock", tmp_path / "run").__enter__()


def test_a_lock_in_no_folder_makes_none(tmp_path):
    with pytest.raises(FileNotFoundError) as error:
        locked(tmp_path / "no" / "lock", tmp_path / "no" / "run").__enter__()
    assert error.value.filename == str(tmp_path / "no" / "run")
    assert list(tmp_path.iterdir()) == []


def refuse_with(number):
    def refuse(self):
        raise OSError(number, os.strerror(number), self.lock_file)

    return refuse


def test_work_goes_on_where_the_system_has_no_locks(tmp_path, monkeypatch):
    monkeypatch.setattr(FileLock, "_acquire", refuse_with(errno.ENOLCK))
    with replacing(tmp_path / "a.txt") as beside:
        beside.write_text("a")
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_a_lock_that_cannot_be_made_names_what_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr(FileLock, "_acquire", refuse_with(errno.ENOSPC))
    with pytest.raises(OSError) as error, replacing(tmp_path / "a.txt"):
        pass
    assert (error.value.errno, error.value.filename) == (errno.ENOSPC, str(tmp_path / "a.txt"))


def test_a_file_is_replaced_by_one_process_at_a_time(tmp_path, hold):
    (tmp_path / "a.txt").write_text("old")
    process = hold(tmp_path / ".a.txt.lock")
    (tmp_path / ".a.txt.new").write_text("half")
    with pytest.raises(InUseError, match=f"process {process.pid} "):
        replacing(tmp_path / "a.txt").__enter__()
    assert (tmp_path / ".a.txt.new").read_text() == "half"


def test_a_folder_is_written_by_one_process_at_a_time(tmp_path, hold):
    process = hold(tmp_path / ".model.lock")
    (tmp_path / ".model.new").mkdir()
    with pytest.raises(InUseError, match=f"process {process.pid} "):
        write_folder(tmp_path / "model", {"format": 1}, lambda _: None)
    assert (tmp_path / ".model.new").exists()
