"""Large files of lines, whose parts are tagged by themselves."""

import json
from itertools import pairwise

import fsspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import ner
from ner.bulk import units
from ner.bulk.places import Place
from ner.bulk.sources import find_files
from ner.bulk.units import plan_units
from ner.data.lines import line_starts
from tests.bulk.corpora import TEXTS, expected, results, rows, shards, write_jsonl, write_lines
from tests.failing_texts import FAILS, kill_on_mark


def tag(sources, out, model, **options):
    """Tag files in this process."""
    return ner.tag_files(sources, out, model, **{"workers": 0, **options})


@pytest.fixture
def small_units(monkeypatch):
    """Make a unit of some hundred bytes."""
    monkeypatch.setattr(units, "UNIT_BYTES", 300)


@given(st.lists(st.binary(max_size=5).map(lambda b: b.replace(b"0", b"\n"))), st.integers(1, 9))
def test_a_file_is_cut_where_lines_begin(chunks, step):
    content = b"".join(chunks)
    cuts = list(line_starts(chunks, step))
    places = [0, *(place for place, _ in cuts)]
    assert all(after - before >= step for before, after in pairwise(places))
    assert [lines for _, lines in cuts] == [content[:place].count(b"\n") for place, _ in cuts]
    assert all(content[place - 1 : place] == b"\n" for place, _ in cuts)
    # Between two places there is no earlier one.
    for before, after in pairwise(places):
        assert content.find(b"\n", before + step - 1) + 1 == after


@pytest.mark.parametrize("output", ["parquet", "jsonl"])
def test_a_large_file_is_several_units_with_the_same_rows(
    tiny_model, tmp_path, small_units, output
):
    records = [{**row, "é": "ü\r"} for row in rows(40)]
    write_jsonl(tmp_path / "a.jsonl", records)
    summary = tag(tmp_path / "a.jsonl", tmp_path / "out", tiny_model, output=output)
    assert summary.shards == len(shards(tmp_path / "out", output)) > 5
    assert (summary.rows, summary.errors) == (40, 0)
    found = results(tmp_path / "out")
    packed = write_jsonl(tmp_path / "b.jsonl.gz", records)
    assert tag(packed, tmp_path / "whole", tiny_model, output=output).shards == 1
    assert found == results(tmp_path / "whole")
    again = tag(tmp_path / "a.jsonl", tmp_path / "out", tiny_model, output=output)
    assert again.present == summary.shards


@pytest.mark.parametrize(
    ("start", "end"),
    [
        pytest.param(b"", b"\n", id="a newline at the end"),
        pytest.param(b"", b"", id="none at the end"),
        pytest.param(b"\xef\xbb\xbf", b"\n", id="a mark"),
        pytest.param(b"", b"\n\xff\xfea\0\nb", id="the mark of UTF-16 inside"),
        pytest.param(b"\n\n", b"\n\n", id="empty lines"),
    ],
)
def test_lines_of_a_large_text_are_those_of_a_whole_one(
    tiny_model, tmp_path, monkeypatch, start, end
):
    content = start + "\r\n".join(f"{text} ü" for text in TEXTS * 20).encode() + end
    (tmp_path / "a.txt").write_bytes(content)
    tag(tmp_path / "a.txt", tmp_path / "whole", tiny_model)
    monkeypatch.setattr(units, "UNIT_BYTES", 64)
    assert tag(tmp_path / "a.txt", tmp_path / "out", tiny_model).shards > 3
    assert results(tmp_path / "out") == results(tmp_path / "whole")


@pytest.mark.parametrize("encoding", ["utf-16", "returns"])
def test_a_file_that_cannot_be_cut_at_newlines_stays_whole(
    tiny_model, tmp_path, small_units, encoding
):
    ending = "\r" if encoding == "returns" else "\n"
    content = "".join(text + ending for text in TEXTS * 20)
    code = "utf-8" if encoding == "returns" else encoding
    (tmp_path / "a.txt").write_bytes(content.encode(code))
    summary = tag(tmp_path / "a.txt", tmp_path / "out", tiny_model)
    assert (summary.shards, summary.rows, summary.errors) == (1, 80, 0)


def test_lines_are_numbered_from_the_start_of_the_file(tiny_model, tmp_path, small_units):
    lines = [json.dumps(row) for row in rows(60)]
    lines[50] = "{"
    path = write_lines(tmp_path / "a.jsonl", lines)
    path.write_bytes(path.read_bytes().replace(b'"id": 55', b'"\xff": 55'))
    tag(path, tmp_path / "out", tiny_model)
    wrong = {i: row["error"] for i, row in enumerate(results(tmp_path / "out")) if row["error"]}
    assert wrong.keys() == {50, 55}
    assert wrong[50].startswith(f"{path}:51: not JSON")
    byte = path.read_bytes().index(b"\xff")
    assert wrong[55].startswith(f"{path}:56: not UTF-8: byte 0xff at column 3 (byte {byte} of")


def test_a_row_that_kills_is_listed_by_its_number_in_the_file(tiny_model, tmp_path, small_units):
    records = rows(40)
    records[33] = {"id": 33, "text": FAILS}
    path = write_jsonl(tmp_path / "a.jsonl", records)
    summary = tag(path, tmp_path / "out", tiny_model, workers=1, split=kill_on_mark)
    assert summary.killers == (f"{path}:34",)
    found, known = results(tmp_path / "out"), expected(tiny_model, records)
    assert found[:33] + found[34:] == known[:33] + known[34:]


def test_all_parts_have_the_fields_with_which_the_file_begins(tiny_model, tmp_path, small_units):
    records = [{"text": "a", "first": 1}, *({"text": f"Ada {i} left."} for i in range(40))]
    tag(write_jsonl(tmp_path / "a.jsonl", records), tmp_path / "out", tiny_model)
    assert all(row.keys() == {"text", "first", "entities", "error"} for row in results(
        tmp_path / "out"
    ))  # fmt: skip


def test_parts_of_a_file_in_memory_are_read(tiny_model, tmp_path, small_units):
    memory = fsspec.filesystem("memory")
    lines = "".join(json.dumps(row) + "\n" for row in rows(40))
    memory.pipe_file("/ranges/a.jsonl", lines.encode())
    try:
        assert tag("memory://ranges", tmp_path / "out", tiny_model).shards > 3
        assert results(tmp_path / "out") == expected(tiny_model, rows(40))
    finally:
        memory.rm("/ranges", recursive=True)


def test_a_file_that_is_gone_fails_in_its_turn(tmp_path, small_units):
    path = write_jsonl(tmp_path / "a.jsonl", rows(40))
    files = find_files(path, Place.find(tmp_path / "out"))
    path.unlink()
    assert [unit.part for unit in plan_units(files, "text", None, ())] == [None]
