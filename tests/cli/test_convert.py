import json
import sys

import pytest
import typer
from typer.testing import CliRunner

from ner.cli.data import data_app
from ner.data.formats.read import read_sentences
from ner.errors import ConfigError, DataError

app = typer.Typer()
app.add_typer(data_app, name="data")

ROWS = "Ada NNP B-PER\nLovelace NNP I-PER\nleft VBD O\n\nParis NNP B-LOC\n"


def convert(*arguments):
    result = CliRunner().invoke(app, ["data", "convert", *map(str, arguments)])
    if isinstance(result.exception, Exception):
        raise result.exception
    assert result.exit_code == 0, result.stderr
    return result.stdout, result.stderr


@pytest.fixture
def rows(tmp_path):
    path = tmp_path / "in.conll"
    path.write_text(ROWS)
    return path


def test_a_file_is_converted_and_what_was_done_is_said(rows, tmp_path):
    out = tmp_path / "out.jsonl"
    stdout, stderr = convert(rows, out)
    assert stdout == ""
    assert stderr.splitlines() == [
        f"{rows}: read as conll (columns with blanks or tabs, a token per line).",
        f"{out}: written as jsonl: 2 sentences, 4 tokens, 2 entities.",
    ]
    assert [s.spans for s in read_sentences(out)] == [((0, 2, "PER"),), ((0, 1, "LOC"),)]


def test_columns_stay_and_tags_are_spelt_as_asked(rows, tmp_path):
    convert(rows, tmp_path / "out.conll", "--scheme", "BILOU")
    assert (tmp_path / "out.conll").read_text() == (
        "Ada\tNNP\tB-PER\nLovelace\tNNP\tL-PER\nleft\tVBD\tO\n\nParis\tNNP\tU-LOC\n\n"
    )


def test_standard_output_needs_a_format(rows):
    with pytest.raises(
        ConfigError, match=r"^--to: must name the format of the output, one of conll .* Got none\."
    ):
        convert(rows, "-")
    stdout, _ = convert(rows, "-", "--to", "csv-long")
    assert stdout.splitlines()[:2] == ["sentence,token,column2,ner", "1,Ada,NNP,B-PER"]


def test_a_named_format_is_not_detected(rows, tmp_path):
    _, stderr = convert(rows, tmp_path / "x.conll", "--format", "conll")
    assert "read as" not in stderr


def test_losses_are_refused_dropped_or_counted(rows, tmp_path):
    out = tmp_path / "out.csv"
    with pytest.raises(DataError, match=r"in\.conll:1: csv cannot hold column 'column2'"):
        convert(rows, out)
    assert not out.exists()
    _, stderr = convert(rows, out, "--drop")
    assert "lost: column 'column2' (in 2 sentences); csv cannot hold it.\n" in stderr


SPANS = '{"text": "to Berlin now", "label": [[3, 8, "LOC"], [0, 2, "X"], [0, 13, "Y"]]}\n'


def test_changed_spans_are_listed_with_file_and_line(tmp_path):
    path, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    path.write_text(SPANS)
    with pytest.raises(
        DataError, match=r"in\.jsonl:1: span \[3, 8\) 'Berli' does not start and end"
    ):
        convert(path, out)
    _, stderr = convert(path, out, "--misaligned", "snap", "--overlapping", "drop")
    assert f"{path}:1: snapped: span [3, 8) 'Berli' to [3, 9) 'Berlin'.\n" in stderr
    assert f"{path}:1: dropped: span [0, 2) 'to': spans [0, 13) and [0, 2) overlap.\n" not in stderr
    assert "Changed or left out 3 spans or texts.\n" in stderr
    assert read_sentences(out)[0].spans == ((0, 3, "Y"),)


def test_sentences_that_cannot_be_read_are_skipped_and_listed(tmp_path):
    path = tmp_path / "in.jsonl"
    path.write_text(SPANS + '{"text": "a"}\n')
    _, stderr = convert(path, tmp_path / "out.jsonl", "--on-error", "skip")
    assert "skipped: " in stderr
    assert "Skipped 1 in total.\n" in stderr
    assert len(read_sentences(tmp_path / "out.jsonl")) == 1


def test_everything_is_also_said_in_json(tmp_path):
    path, out = tmp_path / "in.jsonl", tmp_path / "out.doccano"
    path.write_text('{"text": "a b", "label": [[0, 1, "X"]], "document": "d", "relations": [1]}\n')
    stdout, _ = convert(path, out, "--json", "--misaligned", "drop")
    assert json.loads(stdout) == {
        "read_as": "jsonl",
        "written_as": "doccano",
        "sentences": 1,
        "tokens": 2,
        "entities": 1,
        "columns": None,
        "lost": {"documents": 1},
        "changes": [],
        "ignored": {"relations": 1},
        "guesses": [],
        "warnings": [],
        "skipped": [],
    }


def test_encodings_columns_and_targets_are_named(tmp_path):
    path, out = tmp_path / "in.txt", tmp_path / "out.conllu.gz"
    path.write_bytes("1 café N\n2 va V\n".encode("latin-1"))
    options = ["--columns", "- token upos", "--target", "upos", "--encoding", "latin-1"]
    convert(path, out, "--format", "conll", *options)
    (sentence,) = read_sentences(out, target="upos")
    assert (sentence.tokens, sentence.columns["upos"]) == (("café", "va"), ("N", "V"))
    convert(out, tmp_path / "back.conll", "--target", "upos", "--output-encoding", "utf-16")
    assert (tmp_path / "back.conll").read_text("utf-16").splitlines()[0].endswith("\tN")


def test_pretokenized_texts_are_cut_at_blanks(tmp_path):
    path = tmp_path / "in.txt"
    path.write_text("0 ca n't.x\n")
    convert(path, tmp_path / "out.jsonl", "--format", "labels", "--pretokenized")
    assert read_sentences(tmp_path / "out.jsonl")[0].tokens == ("ca", "n't.x")


def test_a_corpus_survives_a_chain_of_formats(shared_data, tmp_path):
    lines = shared_data("conll2003/eng.testa").read_bytes().splitlines(keepends=True)[:9000]
    source = before = tmp_path / "eng.testa"
    source.write_bytes(b"".join(lines))
    for name in ["a.jsonl.gz", "b.csv-long", "c.conllu.zst", "d.json", "e.parquet", "f.conll"]:
        convert(before, tmp_path / name, "--drop")
        before = tmp_path / name
    assert [(s.tokens, s.spans) for s in read_sentences(before)] == [
        (s.tokens, s.spans) for s in read_sentences(source)
    ]


@pytest.mark.skipif(sys.platform == "win32", reason="needs /dev/full")
def test_a_full_disk_is_one_line(rows):
    with pytest.raises(
        DataError, match=r"/dev/full: cannot be written\. No space left on device\.$"
    ):
        convert(rows, "/dev/full", "--to", "conll")


def test_the_file_that_is_read_is_not_written_over(rows, tmp_path):
    link = tmp_path / "link.conll"
    link.symlink_to(rows)
    for out in (rows, link):
        with pytest.raises(ConfigError, match=r"^OUT: must be another file than the input\. Got"):
            convert(rows, out)
    assert rows.read_text() == ROWS


def test_fields_that_are_not_read_are_counted(tmp_path):
    out = tmp_path / "out.jsonl"
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "a", "spans": [], "meta": {"by": 1}, "_hash": 1, "note": ""}\n')
    assert "ignored: 1 fields 'meta'." in convert(path, out)[1].splitlines()
    path = tmp_path / "a.csv"
    path.write_text("text,label,by,note\na,x,me,\nb,y,me,\n")
    stderr = convert(path, out)[1]
    assert "ignored: 2 fields 'by'." in stderr.splitlines()
    assert "note" not in stderr


def test_the_columns_of_a_file_without_a_header_are_said(rows, tmp_path):
    _, stderr = convert(rows, tmp_path / "out.conll")
    assert f"{tmp_path / 'out.conll'}: its columns are token column2 ner.\n" in stderr
    assert "columns are" not in convert(rows, tmp_path / "out.csv", "--to", "csv-long")[1]


def test_what_columns_hold_units_and_separators_are_options(tmp_path):
    path, out = tmp_path / "in.csv", tmp_path / "out.jsonl"
    path.write_text('Review text;kinds\n"😀 Ada";x/y\n')
    columns = ["--columns", "text='review text' label=kinds"]
    convert(path, out, *columns, "--label-separator", "/")
    (sentence,) = read_sentences(out)
    assert (sentence.text, sentence.labels) == ("😀 Ada", ("x", "y"))
    path = tmp_path / "in.jsonl"
    path.write_text('{"text": "😀 Adas", "spans": [[3, 6, "PER"]]}')
    convert(path, out, "--offsets", "utf16", "--misaligned", "split")
    assert read_sentences(out)[0].tokens == ("😀", "Ada", "s")
    with pytest.raises(ConfigError, match="--columns: must have quotation marks in pairs"):
        convert(path, out, "--columns", "text='a")


def test_predictions_that_become_annotation_are_said(tmp_path):
    path = tmp_path / "in.jsonl"
    path.write_text('{"text": "Ada", "spans": [{"start": 0, "end": 3, "label": "X", "score": 1}]}')
    stderr = convert(path, tmp_path / "out.conll")[1]
    assert f"{path}: Spans with scores are predictions of a model; they are read as" in stderr
    assert "ignored: 1 fields 'score' of spans.\n" in stderr
