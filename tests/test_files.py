import errno
import itertools
import json
import os
import shutil
import stat
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from ner import files
from ner.errors import ModelFolderError
from ner.files import (
    file_sha256,
    read_json,
    read_manifest,
    read_unchanged,
    replacing,
    sha256,
    together,
    utf8_path,
    write_folder,
    write_json,
)
from ner.safetensors_header import SafetensorsHeader


def has_odd_names():
    """Whether names of files may be any bytes, as on Linux."""
    return sys.platform == "linux" and sys.getfilesystemencodeerrors() == "surrogateescape"


needs_odd_names = pytest.mark.skipif(not has_odd_names(), reason="names of files are UTF-8 here")


def fill(folder):
    (folder / "inner").mkdir()
    (folder / "a.txt").write_text("a")
    (folder / "inner" / "b.txt").write_text("b")


def written(tmp_path, **manifest):
    folder = tmp_path / "deep" / "model"
    write_folder(folder, {"format": 1, **manifest}, fill)
    return folder


def contents(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def test_a_folder_holds_what_was_written_and_a_manifest_with_the_digests(tmp_path):
    folder = written(tmp_path, seed=3, note="né\ud800")
    assert contents(folder) == ["a.txt", "inner", "inner/b.txt", "manifest.json"]
    manifest = read_manifest(folder, 1)
    assert (manifest["seed"], manifest["note"]) == (3, "né\ud800")
    # echo -n a | sha256sum
    assert manifest["files"]["a.txt"].startswith("ca978112ca1bbdcafac231b39a23dc4d")
    assert list(manifest["files"]) == ["a.txt", "inner/b.txt"]


def test_nothing_else_is_left_beside_the_folder(tmp_path):
    folder = written(tmp_path)
    written(tmp_path)
    assert list(folder.parent.iterdir()) == [folder]


def test_a_lock_that_could_not_be_removed_does_not_come_into_the_folder(tmp_path, monkeypatch):
    failed = set()
    unlink = Path.unlink

    def unlink_at_second_call(path, **options):
        if path.suffix == ".lock" and path not in failed:
            failed.add(path)
            raise OSError(errno.EIO, os.strerror(errno.EIO), str(path))
        unlink(path, **options)

    monkeypatch.setattr(Path, "unlink", unlink_at_second_call)
    write_folder(tmp_path / "model", {"format": 1}, lambda folder: write_json(folder / "a.json", 1))
    assert {path.name for path in failed} >= {".a.json.lock", ".manifest.json.lock"}
    assert contents(tmp_path / "model") == ["a.json", "manifest.json"]
    assert list(read_manifest(tmp_path / "model", 1)["files"]) == ["a.json"]


def test_a_folder_is_replaced_as_a_whole(tmp_path):
    folder = written(tmp_path)
    write_folder(folder, {"format": 1}, lambda beside: (beside / "c.txt").write_text("c"))
    assert contents(folder) == ["c.txt", "manifest.json"]


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_a_failure_while_writing_leaves_the_old_folder_and_no_other(tmp_path, error):
    folder = written(tmp_path)

    def fail(beside):
        fill(beside)
        raise error

    with pytest.raises(error):
        write_folder(folder, {"format": 1}, fail)
    assert list(folder.parent.iterdir()) == [folder]
    read_manifest(folder, 1)


FULL = errno.ENOSPC, os.strerror(errno.ENOSPC)


def fill_the_disk(beside):
    (beside / "open").write_text("")
    raise OSError(*FULL)  # as from `write`, which knows no name


def fill_the_disk_by_name(beside):
    raise OSError(*FULL, str(beside / "a.txt"))


def fill_the_disk_from_rust(beside):
    raise SafetensorError(
        "Error while serializing: I/O error: No space left on device (os error 28)"
    )


@pytest.mark.parametrize("fail", [fill_the_disk, fill_the_disk_by_name, fill_the_disk_from_rust])
def test_a_failure_to_write_names_the_folder_that_was_asked_for(tmp_path, fail):
    with pytest.raises(OSError) as error:
        write_folder(tmp_path / "model", {"format": 1}, fail)
    assert (error.value.errno, error.value.filename) == (errno.ENOSPC, str(tmp_path / "model"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("fail", [fill_the_disk, fill_the_disk_by_name, fill_the_disk_from_rust])
def test_a_failure_to_write_names_the_file_that_was_asked_for(tmp_path, fail):
    path = tmp_path / "a.json"
    with pytest.raises(OSError) as error, replacing(path) as temporary:
        temporary.mkdir()
        try:
            fail(temporary)
        finally:
            shutil.rmtree(temporary)
    assert (error.value.errno, error.value.filename) == (errno.ENOSPC, str(path))


def test_a_failure_to_read_another_file_keeps_its_name(tmp_path):
    with pytest.raises(FileNotFoundError) as error, replacing(tmp_path / "a.json"):
        (tmp_path / "corpus.conll").read_text()
    assert error.value.filename == str(tmp_path / "corpus.conll")


def test_arrays_that_are_none_are_no_failure_of_the_disk(tmp_path):
    def fail(beside):
        raise SafetensorError("Key `weight` is invalid")

    with pytest.raises(SafetensorError):
        write_folder(tmp_path / "model", {"format": 1}, fail)


def test_a_folder_is_exchanged_for_the_new_one_in_one_step(tmp_path, monkeypatch):
    folder = written(tmp_path)
    if not files._exchanged(folder, folder):
        pytest.skip("this system cannot exchange two folders")

    def refuse(self, target):
        raise AssertionError(f"{self} was moved")

    monkeypatch.setattr(type(folder), "rename", refuse)
    test_a_folder_is_replaced_as_a_whole(tmp_path)
    assert list(folder.parent.iterdir()) == [folder]


def without_exchange(monkeypatch):
    monkeypatch.setattr(files, "_exchanged", lambda *_: False)


def test_a_folder_is_replaced_where_the_system_cannot_exchange_two(tmp_path, monkeypatch):
    without_exchange(monkeypatch)
    test_a_folder_is_replaced_as_a_whole(tmp_path)
    test_nothing_else_is_left_beside_the_folder(tmp_path)


def test_what_a_kill_moved_aside_is_named_and_brought_back(tmp_path, monkeypatch):
    folder = written(tmp_path)
    aside = folder.rename(folder.with_name(".model.old"))
    with pytest.raises(ModelFolderError) as error:
        read_manifest(folder, 1)
    assert str(error.value) == f"{folder}: no such folder. Its last state is {aside}: rename that."

    def fail(beside):
        raise OSError

    with pytest.raises(OSError):
        write_folder(folder, {"format": 1}, fail)
    read_manifest(folder, 1)
    assert list(folder.parent.iterdir()) == [folder]


def test_a_failure_in_the_last_step_brings_the_old_folder_back(tmp_path, monkeypatch):
    without_exchange(monkeypatch)
    folder = written(tmp_path)
    rename = type(folder).rename

    def fail_at_the_new_one(self, target):
        if self.name.endswith(".new"):
            raise OSError
        return rename(self, target)

    monkeypatch.setattr(type(folder), "rename", fail_at_the_new_one)
    with pytest.raises(OSError):
        write_folder(folder, {"format": 1}, fill)
    assert list(folder.parent.iterdir()) == [folder]
    read_manifest(folder, 1)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("[" * 200_000, "a.json: must not be nested so deeply"),
        ('{"a": 1, "b": {"c": 1, "c": 2}}', "a key must not occur twice"),
    ],
    ids=["deep", "twice"],
)
def test_json_that_nobody_wrote_is_refused(tmp_path, content, words):
    path = tmp_path / "a.json"
    path.write_text(content)
    with pytest.raises(ValueError) as error:
        read_json(path)
    assert str(error.value) == words


def test_huge_json_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "a.json"
    with path.open("wb") as file:
        file.truncate(300_000_000)
    with pytest.raises(ValueError, match=r"^a\.json: must have at most 250000000 bytes$"):
        read_json(path)


@pytest.mark.parametrize(
    "name",
    ["../a.txt", "/a.txt", "a//b", "", "inner/../a.txt", "a" * 300, "a\\b", "C:a", "a\0b"],
    ids=["above", "root", "empty step", "empty", "inside", "long", "backslash", "drive", "zero"],
)
def test_names_of_files_beyond_the_folder_are_refused(tmp_path, name):
    folder = written(tmp_path)
    manifest = read_json(folder / "manifest.json")
    del manifest["digest"]
    manifest["files"][name] = "0" * 64
    digest = sha256([json.dumps(manifest, sort_keys=True).encode()])
    write_json(folder / "manifest.json", {**manifest, "digest": digest})
    with pytest.raises(ModelFolderError) as error:
        read_manifest(folder, 1)
    assert str(error.value) == f"{folder}: manifest.json is damaged."


def test_a_folder_that_is_replaced_while_it_is_read_is_read_again(tmp_path):
    folder = written(tmp_path, seed=1)
    seeds = []

    def read():
        seeds.append(read_manifest(folder, 1)["seed"])
        if len(seeds) == 1:
            written(tmp_path, seed=2)
        if len(seeds) == 2:
            written(tmp_path, seed=3)
            raise ModelFolderError("a file is missing")
        return seeds[-1]

    assert read_unchanged(folder, read) == 3
    assert seeds == [1, 2, 3]


def test_an_error_of_a_folder_that_stays_is_passed_on(tmp_path):
    folder, calls = written(tmp_path), []

    def fail():
        calls.append(1)
        raise ModelFolderError("damaged")

    with pytest.raises(ModelFolderError, match=r"^damaged$"):
        read_unchanged(folder, fail)
    assert len(calls) == 1


def test_a_folder_that_never_stays_is_given_up(tmp_path):
    seeds = itertools.count()
    folder = written(tmp_path)
    with pytest.raises(ModelFolderError) as error:
        read_unchanged(folder, lambda: written(tmp_path, seed=next(seeds)))
    assert str(error.value) == (
        f"{folder}: must stay as it is while it is read. It was replaced 5 times."
    )


def change_a_file(folder):
    (folder / "inner" / "b.txt").write_text("c")


def change_the_manifest(folder):
    write_json(folder / "manifest.json", {**read_json(folder / "manifest.json"), "seed": 4})


def put_a_file_in_place_of_the_folder(folder):
    shutil.rmtree(folder)
    folder.write_text("")


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        pytest.param(
            change_a_file, "inner/b.txt was changed after it was written.", id="a changed file"
        ),
        pytest.param(
            lambda folder: (folder / "a.txt").unlink(), "a.txt is missing.", id="a file too few"
        ),
        pytest.param(
            change_the_manifest,
            "manifest.json was changed after it was written.",
            id="a changed manifest",
        ),
        pytest.param(
            lambda folder: (folder / "manifest.json").unlink(),
            "manifest.json is missing. Is this a model?",
            id="no manifest",
        ),
        pytest.param(
            lambda folder: (folder / "manifest.json").write_text("[]"),
            "manifest.json is damaged.",
            id="a manifest that is a list",
        ),
        pytest.param(
            lambda folder: (folder / "manifest.json").write_text("{"),
            "manifest.json is damaged.",
            id="a manifest cut off",
        ),
        pytest.param(
            lambda folder: (folder / "manifest.json").write_bytes(b"\xff"),
            "manifest.json is damaged.",
            id="a manifest that is not UTF-8",
        ),
        pytest.param(shutil.rmtree, "no such folder.", id="no folder"),
        pytest.param(
            put_a_file_in_place_of_the_folder,
            "a model is a folder. Got a file.",
            id="a file for a folder",
        ),
    ],
)
def test_a_damaged_folder_is_refused_in_one_line(tmp_path, damage, words):
    folder = written(tmp_path)
    damage(folder)
    with pytest.raises(ModelFolderError) as error:
        read_manifest(folder, 1)
    assert str(error.value) == f"{folder}: {words}"


def test_a_newer_format_is_refused_whatever_else_it_brings(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    write_json(folder / "manifest.json", {"format": 2, "files": {"new": 5}, "digest": 0})
    with pytest.raises(ModelFolderError) as error:
        read_manifest(folder, 1)
    assert str(error.value) == f"{folder}: format 2, but this version reads up to 1. Upgrade."


def test_the_folder_around_a_model_gets_a_hint(tmp_path):
    folder = written(tmp_path)
    with pytest.raises(ModelFolderError, match=r"manifest.json is missing. Did you mean .*model\?"):
        read_manifest(folder.parent, 1)


@given(st.recursive(st.text(st.characters(codec=None)) | st.integers(), st.lists))
def test_json_comes_back_as_it_was_written(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("json") / "x.json"
    write_json(path, content)
    assert read_json(path) == content
    assert [p.name for p in path.parent.iterdir()] == ["x.json"]


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_a_file_is_replaced_as_a_whole_or_stays_as_it_was(tmp_path, error):
    path = tmp_path / "x.txt"
    path.write_text("old")
    with pytest.raises(error), replacing(path) as beside:
        beside.write_text("half")
        raise error
    assert path.read_text() == "old"
    with replacing(path) as beside:
        beside.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_in_no_folder_is_an_error(tmp_path):
    with pytest.raises(OSError, match="No such file"), replacing(tmp_path / "no" / "x") as beside:
        beside.write_text("new")


def test_digests_are_those_of_sha256sum(tmp_path):
    (tmp_path / "x").write_bytes(b"abc")
    # echo -n abc | sha256sum
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert file_sha256(tmp_path / "x") == sha256([b"a", b"bc"]) == expected


def test_a_header_says_where_arrays_are(tmp_path):
    path = tmp_path / "x.safetensors"
    save_file({"a": np.arange(6.0).reshape(2, 3), "b": np.ones(2, dtype=np.int8)}, path)
    header, content = SafetensorsHeader.read(path), path.read_bytes()
    assert content.startswith(header.content)
    for name, array in load_file(path).items():
        start, end = header.arrays[name]["data_offsets"]
        assert content[len(header.content) :][start:end] == array.tobytes()
        assert header.arrays[name]["shape"] == [*array.shape]


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"\x02", id="cut off in the length"),
        pytest.param(b"\xff" * 8 + b"{}", id="a length beyond any file"),
    ],
)
def test_a_damaged_header_is_read_and_refused_when_it_is_used(tmp_path, content):
    path = tmp_path / "x.safetensors"
    path.write_bytes(content)
    header = SafetensorsHeader.read(path)
    assert header.digest == file_sha256(path)
    if not content.endswith(b"}"):
        with pytest.raises(ValueError, match="Expecting value"):
            _ = header.arrays


def test_a_failure_whose_name_is_a_number_gets_that_of_the_file(tmp_path):
    # As from shutil, which copies between open files.
    with pytest.raises(OSError) as error, replacing(tmp_path / "a.json"):
        raise OSError(*FULL, 5)
    assert error.value.filename == str(tmp_path / "a.json")


def test_a_failure_without_a_number_keeps_its_words(tmp_path):
    with pytest.raises(OSError) as error, replacing(tmp_path / "a.json"):
        raise OSError("the library says no")
    assert (error.value.filename, error.value.strerror) == (
        str(tmp_path / "a.json"),
        "the library says no",
    )


def test_a_folder_is_not_flushed_where_the_system_cannot_do_that(tmp_path, monkeypatch):
    flushed = []
    fsync = os.fsync

    def refuse_folders(handle):
        flushed.append(os.fstat(handle))
        if stat.S_ISDIR(flushed[-1].st_mode):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        fsync(handle)

    monkeypatch.setattr(os, "fsync", refuse_folders)
    read_manifest(written(tmp_path), 1)
    assert sum(stat.S_ISDIR(found.st_mode) for found in flushed) >= 3


def test_a_folder_that_cannot_be_flushed_otherwise_is_an_error(tmp_path, monkeypatch):
    def refuse(handle):
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(OSError) as error:
        written(tmp_path)
    assert error.value.filename == str(tmp_path / "deep" / "model")


def test_windows_flushes_files_that_are_open_to_write_and_no_folders(tmp_path, monkeypatch):
    opening = os.open

    def open_as_windows(path, flags, *others, **named):
        assert path != folder, f"{path} is a folder"
        assert flags & os.O_RDWR, f"{path} is opened to read"
        return opening(path, flags, *others, **named)

    write_json(tmp_path / "a.json", 1)
    folder = tmp_path / "model"
    folder.mkdir()
    with monkeypatch.context() as patch:
        patch.setattr(files.os, "open", open_as_windows)
        patch.setattr(files.os, "name", "nt")
        files._flush(tmp_path / "a.json")
        files._flush(folder)


@pytest.mark.parametrize("name", ["a" * 255, "ä" * 127, "a.json"], ids=["ascii", "utf-8", "short"])
def test_a_name_may_be_as_long_as_the_system_allows(tmp_path, name):
    write_json(tmp_path / name, 1)
    write_folder(tmp_path / "folder" / name, {"format": 1}, fill)
    assert read_json(tmp_path / name) == 1
    read_manifest(tmp_path / "folder" / name, 1)
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == [name]


def test_what_a_link_points_to_is_replaced(tmp_path):
    folder = written(tmp_path)
    (tmp_path / "a.json").write_text("1")
    (tmp_path / "link").symlink_to(folder)
    (tmp_path / "link.json").symlink_to("a.json")
    write_json(tmp_path / "link.json", 2)
    write_folder(tmp_path / "link", {"format": 1, "seed": 9}, fill)
    assert (read_json(tmp_path / "a.json"), read_manifest(folder, 1)["seed"]) == (2, 9)
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "link.json").is_symlink()


def test_the_current_folder_is_replaced(tmp_path, monkeypatch):
    folder = written(tmp_path)
    monkeypatch.chdir(folder)
    write_folder(Path(), {"format": 1, "seed": 9}, fill)
    assert read_manifest(folder, 1)["seed"] == 9


@needs_odd_names
def test_a_name_that_is_not_utf8_has_a_path_that_is(tmp_path):
    folder = tmp_path / "a\udcff"
    folder.mkdir()
    (folder / "x").write_text("1")
    with utf8_path(folder) as place:
        assert str(place).isascii()
        assert (place / "x").read_text() == "1"
    assert not place.exists()
    with utf8_path(tmp_path) as place:
        assert place == tmp_path


def test_new_files_are_written_all_or_none(tmp_path):
    (tmp_path / "old").write_text("old")
    with pytest.raises(ZeroDivisionError), together(tmp_path / "a" / "b") as found:
        found.append(tmp_path / "a" / "b" / "new")
        found[0].write_text("new")
        raise ZeroDivisionError
    assert [path.name for path in tmp_path.iterdir()] == ["old"]
