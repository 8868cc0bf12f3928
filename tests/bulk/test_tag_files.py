"""Many files in, a folder of results out; small ones, in this process."""

import json
import sys

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import ner
from ner.bulk import units
from ner.bulk.places import Place
from ner.errors import ConfigError, DataError, MissingExtraError, ModelFolderError
from tests.bulk.corpora import (
    TEXTS,
    expected,
    results,
    rows,
    shards,
    write_jsonl,
    write_lines,
    write_parquet,
)
from tests.failing_texts import FAILS, raise_on_mark

RULES = ner.Rules.from_dict({"rules": [{"name": "eves", "label": "PER", "patterns": ["met Eve"]}]})


def tag(sources, out, model, **options):
    """Tag files in this process."""
    return ner.tag_files(sources, out, model, workers=0, **options)


@pytest.fixture
def small_units(monkeypatch):
    """Make a unit of each row group."""
    monkeypatch.setattr(units, "UNIT_BYTES", 1)


def test_row_groups_become_files_in_order(tiny_model, tmp_path, small_units):
    write_parquet(tmp_path / "in" / "a.parquet", rows(12))
    summary = tag(tmp_path / "in", tmp_path / "out", tiny_model)
    assert len(shards(tmp_path / "out")) == summary.shards == 3
    assert results(tmp_path / "out") == expected(tiny_model, rows(12))
    assert (summary.rows, summary.errors, summary.failed) == (12, 0, {})
    tagger = ner.load(tiny_model)
    assert summary.tokens == sum(len(doc) for doc in tagger([r["text"] for r in rows(12)]))
    assert json.loads((tmp_path / "out" / "_summary.json").read_text())["rows"] == 12
    assert (tmp_path / "out" / "_SUCCESS").read_bytes() == b""


def test_rules_bind_the_model(tiny_model, tmp_path):
    write_jsonl(tmp_path / "a.jsonl", rows(4))
    tag(tmp_path / "a.jsonl", tmp_path / "out", tiny_model, rules=RULES)
    found = results(tmp_path / "out")
    assert found == expected(tiny_model, rows(4), rules=RULES)
    assert (4, 11, "PER") in [(e["start"], e["end"], e["label"]) for e in found[3]["entities"]]


def test_small_row_groups_are_tagged_together(tiny_model, tmp_path):
    write_parquet(tmp_path / "a.parquet", rows(12))
    assert tag(tmp_path / "a.parquet", tmp_path / "out", tiny_model).shards == 1
    assert results(tmp_path / "out") == expected(tiny_model, rows(12))


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz", "a.ndjson.zst"])
@pytest.mark.parametrize("output", ["parquet", "jsonl"])
def test_json_lines_keep_their_fields(tiny_model, tmp_path, name, output):
    records = [{**row, "meta": {"tags": ["x"]}} for row in rows(6)]
    write_jsonl(tmp_path / name, records)
    tag(tmp_path / name, tmp_path / "out", tiny_model, output=output)
    found, known = results(tmp_path / "out"), expected(tiny_model, records)
    if output == "jsonl":
        for row in known:
            del row["error"]
            for entity in row["entities"]:
                entity["score"] = round(entity["score"], 6)
    assert found == known


@pytest.mark.parametrize("name", ["a.txt", "a.txt.gz", "a.txt.zst"])
def test_each_line_of_a_text_file_is_a_row(tiny_model, tmp_path, name):
    write_lines(tmp_path / name, TEXTS)
    tag(tmp_path / name, tmp_path / "out", tiny_model)
    assert results(tmp_path / "out") == expected(tiny_model, [{"text": t} for t in TEXTS])


def test_columns_are_chosen(tiny_model, tmp_path):
    table = pa.table({"id": [1], "url": ["u"], "body": [TEXTS[0]]})
    pq.write_table(table, tmp_path / "a.parquet")
    write_jsonl(tmp_path / "b.jsonl", [{"id": 2, "body": TEXTS[0], "x": 1}])
    tag([tmp_path], tmp_path / "out", tiny_model, text="body", keep=["id"])
    found = results(tmp_path / "out")
    assert sorted(row["id"] for row in found) == [1, 2]
    assert all(row.keys() == {"id", "entities", "error"} for row in found)


def test_other_types_of_a_table_become_json(tiny_model, tmp_path):
    import datetime
    import decimal

    record = {
        "text": "a",
        "day": datetime.date(2024, 2, 3),
        "bytes": b"\xff",
        "price": decimal.Decimal("1.50"),
        "nothing": float("nan"),
    }
    write_parquet(tmp_path / "a.parquet", [record])
    tag(tmp_path / "a.parquet", tmp_path / "out", tiny_model, output="jsonl")
    (found,) = results(tmp_path / "out")
    assert [found[n] for n in ("day", "bytes", "price", "nothing")] == [
        "2024-02-03",
        "/w==",
        "1.50",
        None,
    ]


def test_fields_without_a_common_type_become_json_texts(tiny_model, tmp_path):
    records = [
        {"text": "a", "x": 1, "y": 1, "z": {}, "w": "\ud800"},
        {"text": "b", "x": "one", "y": 2.5, "z": {}, "w": "b"},
        {"text": "c", "v": None},
    ]
    write_jsonl(tmp_path / "a.jsonl", records)
    tag(tmp_path / "a.jsonl", tmp_path / "out", tiny_model)
    found = results(tmp_path / "out")
    assert [row["x"] for row in found] == ["1", '"one"', None]
    assert [row["y"] for row in found] == [1.0, 2.5, None]
    assert [row["z"] for row in found] == ["{}", "{}", None]
    assert [row["w"] for row in found] == ["\ufffd", "b", None]
    assert [row["v"] for row in found] == [None] * 3


def test_a_row_that_fails_has_an_error_and_spoils_no_other(tiny_model, tmp_path):
    good = rows(4)
    lines = [json.dumps(good[0]), "{", '{"id": 7}', '{"text": 5}', '{"text": null}', "[1]", ""]
    write_lines(tmp_path / "a.jsonl", [*lines, json.dumps({"text": FAILS}), json.dumps(good[3])])
    summary = tag(tmp_path / "a.jsonl", tmp_path / "out", tiny_model, split=raise_on_mark)
    found = results(tmp_path / "out")
    name = tmp_path / "a.jsonl"
    assert [row["error"] for row in found] == [
        None,
        f"{name}:2: not JSON: Expecting property name enclosed in double quotes at column 2. "
        "Each line must hold one object.",
        f"{name}:3: must be an object with the field 'text'. Got id.",
        f"{name}:4: text must be a text. Got int.",
        None,
        f"{name}:6: must be an object with the field 'text'. Got no object.",
        "RuntimeError: a text with the mark",
        None,
    ]
    assert [found[i]["entities"] is None for i in range(8)] == [False, *[True] * 6, False]
    assert (summary.rows, summary.errors, summary.failed) == (8, 5, {})


def test_the_first_row_that_fails_may_end_the_run(tiny_model, tmp_path):
    write_parquet(tmp_path / "a.parquet", [*rows(3), {"id": 3, "text": FAILS}])
    with pytest.raises(DataError) as error:
        tag(
            tmp_path / "a.parquet",
            tmp_path / "out",
            tiny_model,
            split=raise_on_mark,
            on_error="raise",
        )
    place = f"{tmp_path / 'a.parquet'}: row 4"
    assert str(error.value) == f"{place}: RuntimeError: a text with the mark"
    assert not shards(tmp_path / "out")
    assert not (tmp_path / "out" / "_SUCCESS").exists()


def test_rows_of_later_row_groups_are_numbered_from_the_start_of_the_file(
    tiny_model, tmp_path, small_units
):
    write_parquet(tmp_path / "a.parquet", [*rows(7), {"id": 7, "text": FAILS}])
    with pytest.raises(DataError, match=r"a\.parquet: row 8: RuntimeError"):
        tag(tmp_path, tmp_path / "out", tiny_model, split=raise_on_mark, on_error="raise")


def test_a_file_that_cannot_be_read_fails_and_others_do_not(tiny_model, tmp_path):
    write_jsonl(tmp_path / "good.jsonl", rows(4))
    path = write_lines(tmp_path / "cut.txt.gz", TEXTS * 100)
    path.write_bytes(path.read_bytes()[:-9])
    summary = tag(tmp_path, tmp_path / "out", tiny_model)
    (failure,) = summary.failed.values()
    assert failure.startswith(f"{path}: must be readable to its end. Got: ")
    assert (summary.shards, summary.rows) == (1, 4)
    assert not (tmp_path / "out" / "_SUCCESS").exists()
    assert not list((tmp_path / "out").glob(".*"))


def test_a_second_run_does_what_is_missing(tiny_model, tmp_path, small_units):
    write_parquet(tmp_path / "a.parquet", rows(12))
    tag(tmp_path / "a.parquet", tmp_path / "out", tiny_model)
    paths = shards(tmp_path / "out")
    paths[1].unlink()
    times = {path: path.stat().st_mtime_ns for path in (paths[0], paths[2])}
    summary = tag(tmp_path / "a.parquet", tmp_path / "out", tiny_model)
    assert (summary.shards, summary.present, summary.rows) == (3, 2, 12)
    assert {path: path.stat().st_mtime_ns for path in times} == times
    assert results(tmp_path / "out") == expected(tiny_model, rows(12))


def test_new_files_are_added_to_earlier_ones(tiny_model, tmp_path):
    write_jsonl(tmp_path / "in" / "a.jsonl", rows(4))
    tag(tmp_path / "in", tmp_path / "out", tiny_model)
    write_jsonl(tmp_path / "in" / "b.jsonl", rows(3, 4))
    summary = tag(tmp_path / "in", tmp_path / "out", tiny_model)
    assert (summary.shards, summary.present, summary.rows) == (2, 1, 7)
    assert sorted(row["id"] for row in results(tmp_path / "out")) == list(range(7))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        pytest.param(
            {"min_score": 0.5}, "must hold results with min_score 0.0, as all", id="score"
        ),
        pytest.param({"keep": ["id"]}, "must hold results with keep null, as all", id="columns"),
        pytest.param(
            {"output": "jsonl"}, 'must hold results with output "parquet", as all', id="output"
        ),
        pytest.param(
            {"split": raise_on_mark}, "must hold results with split null, as all", id="splitter"
        ),
        pytest.param({"rules": RULES}, "must hold results with rules null, as all", id="rules"),
    ],
)
def test_a_run_with_other_settings_is_refused(tiny_model, tmp_path, options, message):
    write_jsonl(tmp_path / "a.jsonl", rows(4))
    tag(tmp_path / "a.jsonl", tmp_path / "out", tiny_model)
    before = results(tmp_path / "out")
    with pytest.raises(ConfigError) as error:
        tag(tmp_path / "a.jsonl", tmp_path / "out", tiny_model, **options)
    assert str(error.value).startswith(f"{tmp_path / 'out'}: {message}")
    assert str(error.value).endswith("Use --overwrite, or another folder.")
    assert results(tmp_path / "out") == before


def test_a_run_with_another_model_is_refused_unless_it_may_overwrite(tiny_model, tmp_path):
    write_jsonl(tmp_path / "a.jsonl", rows(4))
    ner.rename(tiny_model, {"PER": "PERSON"}, tmp_path / "renamed")
    tag(tmp_path / "a.jsonl", tmp_path / "out", tiny_model)
    with pytest.raises(ConfigError, match=r"out: must hold results with model "):
        tag(tmp_path / "a.jsonl", tmp_path / "out", tmp_path / "renamed")
    tag(tmp_path / "a.jsonl", tmp_path / "out", tmp_path / "renamed", overwrite=True)
    assert results(tmp_path / "out") == expected(tmp_path / "renamed", rows(4))


def test_a_source_that_was_changed_is_refused(tiny_model, tmp_path):
    write_jsonl(tmp_path / "a.jsonl", rows(4))
    tag(tmp_path / "a.jsonl", tmp_path / "out", tiny_model)
    write_jsonl(tmp_path / "a.jsonl", rows(5))
    with pytest.raises(ConfigError, match=r"a\.jsonl: must be as it was for the results in "):
        tag(tmp_path / "a.jsonl", tmp_path / "out", tiny_model)
    tag(tmp_path / "a.jsonl", tmp_path / "out", tiny_model, overwrite=True)
    assert len(results(tmp_path / "out")) == 5


def test_a_folder_of_other_things_is_refused_and_left_alone(tiny_model, tmp_path):
    write_jsonl(tmp_path / "a.jsonl", rows(1))
    other = write_lines(tmp_path / "out" / "mine.txt", ["a"])
    with pytest.raises(ConfigError) as error:
        tag(tmp_path / "a.jsonl", tmp_path / "out", tiny_model)
    assert str(error.value) == (
        f"{tmp_path / 'out'}: must be empty, or hold earlier results. Got other files, such as "
        "mine.txt."
    )
    tag(tmp_path / "a.jsonl", tmp_path / "out", tiny_model, overwrite=True)
    assert other.exists()


def test_a_file_system_in_memory_is_read_and_written(tiny_model, tmp_path):
    memory = fsspec.filesystem("memory")
    write_parquet(tmp_path / "a.parquet", rows(12))
    memory.pipe_file("/bulk/in/a.parquet", (tmp_path / "a.parquet").read_bytes())
    lines = "".join(json.dumps(row) + "\n" for row in rows(3, 12))
    memory.pipe_file("/bulk/in/deep/b.jsonl", lines.encode())
    try:
        first = tag("memory://bulk/in", "memory://bulk/out", tiny_model)
        again = tag("memory://bulk/in/**/*.*", "memory://bulk/out", tiny_model)
        assert (first.rows, first.present, again.present) == (15, 0, 2)
        found = []
        for path in memory.glob("/bulk/out/*.parquet"):
            found += pq.read_table(memory.open(path)).to_pylist()
        known = expected(tiny_model, rows(15))
        assert sorted(found, key=lambda row: row["id"]) == known
        assert memory.exists("/bulk/out/_SUCCESS")
    finally:
        memory.rm("/bulk", recursive=True)


def test_two_attempts_at_one_file_leave_one(tmp_path):
    place = Place.find(tmp_path / "out" / "a")
    with place.appearing() as slow:
        slow.write(b"slow")
        with place.appearing() as fast:
            fast.write(b"fast")
        assert (tmp_path / "out" / "a").read_bytes() == b"fast"
    assert (tmp_path / "out" / "a").read_bytes() == b"slow"
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a"]


def test_an_attempt_whose_file_was_cleared_away_is_no_failure(tmp_path):
    place = Place.find(tmp_path / "a")
    with place.appearing() as slow:
        slow.write(b"slow")
        place.write(b"fast")
        for path in tmp_path.glob(".a.*"):
            path.unlink()
    assert (tmp_path / "a").read_bytes() == b"fast"


def test_a_file_that_fails_does_not_appear(tmp_path):
    place = Place.find(tmp_path / "a")
    with pytest.raises(RuntimeError), place.appearing() as file:
        file.write(b"half")
        raise RuntimeError
    assert not list(tmp_path.iterdir())


def test_an_empty_file_has_empty_results(tiny_model, tmp_path):
    write_parquet(tmp_path / "a.parquet", rows(1))
    pq.write_table(pq.read_table(tmp_path / "a.parquet").slice(0, 0), tmp_path / "b.parquet")
    write_lines(tmp_path / "c.txt", [])
    (tmp_path / "a.parquet").unlink()
    summary = tag(tmp_path, tmp_path / "out", tiny_model)
    assert (summary.shards, summary.rows, summary.failed) == (2, 0, {})
    for path in shards(tmp_path / "out"):
        assert pq.read_schema(path).names[-3:] == ["text", "entities", "error"]


@pytest.mark.parametrize(
    ("sources", "found"),
    [
        pytest.param(["in/*.txt"], ["in/a.txt", "in/b.txt"], id="a star"),
        pytest.param(["in/**/*.txt"], ["in/a.txt", "in/b.txt", "in/deep/er/c.txt"], id="deep"),
        pytest.param(["in/[!a].txt"], ["in/b.txt"], id="a set"),
        pytest.param(["in/?.txt", "in/a.txt"], ["in/a.txt", "in/b.txt"], id="twice"),
        pytest.param(["in/deep"], ["in/deep/er/c.txt"], id="a folder"),
        pytest.param(["in"], ["in/a.txt", "in/b.txt", "in/deep/er/c.txt"], id="all"),
    ],
)
def test_sources_are_found(tmp_path, monkeypatch, sources, found):
    from ner.bulk.sources import find_files

    monkeypatch.chdir(tmp_path)
    for name in ("a.txt", "b.txt", "deep/er/c.txt", "_hidden.txt", ".d/e.txt", "x.bin"):
        write_lines(tmp_path / "in" / name, ["a"])
    files = find_files(sources, Place.find("out"))
    assert [file.name for file in files] == [str(tmp_path / name) for name in found]


def test_results_are_no_sources(tiny_model, tmp_path):
    write_lines(tmp_path / "a.txt", TEXTS)
    tag(tmp_path, tmp_path / "out", tiny_model)
    assert tag(tmp_path, tmp_path / "out", tiny_model).shards == 1


@pytest.mark.parametrize(
    ("sources", "options", "error", "message"),
    [
        pytest.param([], {}, ConfigError, "sources: must be at least one", id="none"),
        pytest.param(["no.txt"], {}, DataError, "no.txt: no such file.", id="missing"),
        pytest.param(["*.csv"], {}, DataError, "*.csv: must match a file.", id="pattern"),
        pytest.param(["\udcff.txt"], {}, DataError, "must have a name in UTF-8", id="bytes"),
        pytest.param(["x.bin"], {}, DataError, "x.bin: must end in .parquet", id="ending"),
        pytest.param(["empty"], {}, DataError, "empty: must hold files that end in", id="empty"),
        pytest.param(["nothing://x"], {}, DataError, "nothing://x: must be a URL", id="scheme"),
        pytest.param(["bad.parquet"], {}, DataError, "must be a parquet file", id="no parquet"),
        pytest.param(
            ["a.parquet"], {"text": "t"}, ConfigError, "must have one column 't'.", id="column"
        ),
        pytest.param(
            ["a.parquet"], {"keep": ["t"]}, ConfigError, "must have one column 't'.", id="kept"
        ),
        pytest.param(["error.parquet"], {}, ConfigError, "must have no column 'error'", id="taken"),
        pytest.param(["a.parquet"], {"engine": "x"}, ConfigError, "engine: must", id="engine"),
        pytest.param(["a.parquet"], {"workers": -1}, ConfigError, "workers: must", id="workers"),
        pytest.param(
            ["a.parquet"], {"engine": "ray"}, ConfigError, "workers: must be at least 1.", id="ray"
        ),
        pytest.param(
            ["a.parquet"], {"address": "auto"}, ConfigError, "address: is for", id="address"
        ),
        pytest.param(["a.parquet"], {"output": "x"}, ConfigError, "output: must", id="output"),
        pytest.param(["a.parquet"], {"on_error": "x"}, ConfigError, "on_error: must", id="error"),
        pytest.param(["a.parquet"], {"model": "x"}, ModelFolderError, "x: no such", id="model"),
    ],
)
def test_a_mistake_is_told_before_anything_is_written(
    tiny_model, tmp_path, monkeypatch, sources, options, error, message
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    write_lines(tmp_path / "x.bin", ["a"])
    write_lines(tmp_path / "bad.parquet", ["a"])
    write_parquet(tmp_path / "a.parquet", rows(1))
    write_parquet(tmp_path / "error.parquet", [{"text": "a", "error": "b"}])
    with pytest.raises(error) as found:
        ner.tag_files(sources, "out", **{"model": tiny_model, "workers": 0, **options})
    assert message in str(found.value)
    assert not (tmp_path / "out").exists()


def test_a_record_with_the_name_of_a_result_fails(tiny_model, tmp_path):
    write_jsonl(tmp_path / "a.jsonl", [{"text": "a", "entities": []}])
    for output in ("jsonl", "parquet"):
        summary = tag(
            tmp_path / "a.jsonl", tmp_path / "out", tiny_model, output=output, overwrite=True
        )
        (failure,) = summary.failed.values()
        assert "must have no field 'entities', which is for results. Got one." in failure
    options = {"keep": ["text"], "overwrite": True}
    assert not tag(tmp_path / "a.jsonl", tmp_path / "out", tiny_model, **options).failed


def test_an_engine_that_is_not_installed_is_told_at_once(tiny_model, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    write_jsonl(tmp_path / "a.jsonl", rows(1))
    with pytest.raises(MissingExtraError) as error:
        ner.tag_files(tmp_path / "a.jsonl", tmp_path / "out", tiny_model, engine="ray")
    assert str(error.value) == "The engine ray needs ray: pip install 'lattice-ner[ray]'"
    assert not (tmp_path / "out").exists()


def test_a_splitter_of_sentences_is_part_of_the_settings(tiny_model, tmp_path):
    write_jsonl(tmp_path / "a.jsonl", rows(2))
    tag(tmp_path / "a.jsonl", tmp_path / "out", tiny_model, split=ner.SentenceSplitter("de"))
    settings = json.loads((tmp_path / "out" / "_ner.json").read_text())
    assert settings["split"] == "SentenceSplitter('de', lines=True)"
