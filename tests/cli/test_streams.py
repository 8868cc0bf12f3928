"""What `ner tag` takes its sources for, what it keeps of them, and when it answers."""

import json
import os
import subprocess
import sys
from functools import partial

import pytest

import ner
from ner.data.spans import Notes
from ner.inference.batching import BatchRunner
from tests.cli.helpers import CONLL, fails, records, write


@pytest.fixture
def tag(run, tiny_model):
    """Run `ner tag` with the small model."""
    return partial(run, "tag", "--model", tiny_model)


RECORD = '{"text": "Awa Badjie left."}\n'
ROWS = "Awa B-PER\nBadjie I-PER\n\nleft O\n"
CONTENTS = {
    "jsonl": (RECORD * 2, ["Awa Badjie left."] * 2),
    "json": (f"[{RECORD},{RECORD}]", ["Awa Badjie left."] * 2),
    "conll": (ROWS, ["Awa Badjie", "left"]),
    "conll with tabs": ("1\tAwa\tNNP\n2\tBadjie\tNNP\n\n1\tleft\tVBD\n", ["1 2", "1"]),
    "conll with documents": ("-DOCSTART-\n\nAwa\nBadjie\n", ["Awa Badjie"]),
    "conll, partial": ("Awa B-PER|B-ORG\nBadjie ?\n", ["Awa Badjie"]),
    "conllu": ("1\tAwa\t" + "\t".join("_" * 8) + "\n\n", ["Awa"]),
    "csv": ("text,label\nAwa left.,x\n", ["Awa left."]),
    "tsv": ("label\ttext\nx\tAwa left.\n", ["Awa left."]),
    "lines": ("Awa Badjie\nO Ada\n", ["Awa Badjie", "O Ada"]),
    "lines with vitamins": ("Vitamin B-12\nVitamin B-6\n", ["Vitamin B-12", "Vitamin B-6"]),
    "lines with commas": ("Awa, Badjie\n", ["Awa, Badjie"]),
    "lines with tabs": ("7\tAwa left\n8\tAda met Bob\n", ["7\tAwa left", "8\tAda met Bob"]),
    "lines of one row": ("Awa B-PER\n", ["Awa B-PER"]),
}


@pytest.mark.parametrize("kind", CONTENTS)
@pytest.mark.parametrize(
    "source", ["a.txt", "a", "a.tsv", "-"], ids=["text", "no ending", "tabs", "standard input"]
)
def test_a_source_is_read_as_what_it_holds(tag, kind, source):
    content, texts = CONTENTS[kind]
    name = "stdin" if source == "-" else write(source, content)
    stdin = content.encode() if source == "-" else b""
    code, out, err = tag(source, "--output", "jsonl", stdin=stdin)
    assert code == 0
    assert [r["text"] for r in records(out)] == texts
    format_ = kind.partition(",")[0].partition(" ")[0]
    assert err.splitlines()[0] == f"{name}: read as {format_}."


def test_a_file_with_a_byte_order_mark_or_packed_is_looked_into(tag):
    import gzip

    for name, content in (
        ("a.txt", b"\xef\xbb\xbf" + RECORD.encode()),
        ("b.txt.gz", gzip.compress(RECORD.encode())),
    ):
        code, out, err = tag(write(name, content))
        assert (code, err) == (0, f"{name}: read as jsonl.\n")
        assert records(out)[0]["text"] == "Awa Badjie left."


def test_a_named_format_is_not_looked_for(tag):
    code, out, err = tag(write("a.txt", ROWS), "--format", "lines")
    assert (code, err, len(records(out))) == (0, "", 4)
    code, out, err = tag("-", "--format", "text", stdin=RECORD.encode())
    assert (code, err, records(out)[0]["text"]) == (0, "", RECORD.strip())


def test_named_columns_are_those_of_a_file_of_any_name(tag):
    content = "PER\tAwa\nPER\tBadjie\n"
    code, out, err = tag(write("a.txt", content), "--columns", "label token")
    assert (code, err) == (0, "a.txt: read as conll.\n")
    assert out.splitlines()[0].split("\t")[:2] == ["PER", "Awa"]
    fails(tag("Awa", "--columns", "token"), 2, "ner tag: --columns is for files with columns.")


def test_corpora_from_standard_input_are_looked_into_elsewhere(run, tiny_model):
    line = b'{"text": "Awa left.", "spans": [[0, 3, "PER"]]}\n'
    code, out, _ = run("eval", tiny_model, "-", "--json", stdin=line)
    assert (code, json.loads(out)["tokens"]) == (0, 3)
    code, out, _ = run("data", "convert", "-", "-", "--to", "conll", stdin=line)
    assert (code, out.split()) == (0, ["Awa", "B-PER", "left", "O", ".", "O"])


def test_offsets_fit_a_file_whatever_its_line_ends(tag):
    for ends in ("\n", "\r\n", "\r"):
        content = f"Ada met Bob.{ends}{ends}Awa Badjie{ends}left.{ends}"
        _, out, _ = tag(write("a.txt", content.encode()), "--format", "text", "--tokens")
        with open("a.txt", encoding="utf-8", newline="") as file:
            text = file.read()
        (record,) = records(out)
        assert record["text"] == text.removesuffix(ends)
        assert record["spans"]
        for span in record["spans"]:
            assert text[span["start"] : span["end"]] == span["text"]
        assert [text[a:b] for a, b in record["tokens"]][:3] == ["Ada", "met", "Bob"]


FIELDS = '{"text": "Awa left.", "id": 7, "meta": {"url": null}, "label": 3, "tags": ["a"]}\n'


def test_fields_of_records_come_back_as_they_were(tag):
    for name, content in (("a.jsonl", FIELDS), ("a.json", f"[{FIELDS}]")):
        _, out, err = tag(write(name, content))
        (record,) = records(out)
        given = json.loads(FIELDS)
        assert {key: record[key] for key in given} == given
        assert "labels" not in record
        assert "left out" not in err


def test_each_record_gets_its_own_fields_back(tag):
    lines = [f'{{"text": "Awa {"left " * (i % 7)}", "n": {i}}}\n' for i in range(60)]
    lines[30] = "{\n"
    _, out, _ = tag(write("a.jsonl", "".join(lines)), "--on-error", "skip")
    assert [(r["n"], r["row"]) for r in records(out)] == [(i, i + 1) for i in range(60) if i != 30]


def test_a_field_with_a_name_of_the_output_is_listed_as_left_out(tag):
    names = [write("a.jsonl", '{"text": "Awa", "source": "x"}\n'), write("b.txt", "Awa\n")]
    _, out, err = tag(*names)
    assert [r["source"] for r in records(out)] == ["a.jsonl", "b.txt"]
    assert "a.jsonl: left out: 1 fields 'source'." in err


@pytest.mark.parametrize("output", ["tsv", "conll"])
def test_fields_that_an_output_cannot_hold_are_listed(tag, output):
    _, _, err = tag(write("a.jsonl", FIELDS), "--output", output)
    assert [line for line in err.splitlines() if "left out" in line] == [
        f"a.jsonl: left out: 1 fields {name!r}." for name in ("id", "meta", "label", "tags")
    ]
    assert "left out" not in tag(write("a.jsonl", FIELDS), "--output", "pretty")[2]


def test_columns_of_a_table_that_are_not_kept_are_listed(tag):
    _, _, err = tag(write("a.csv", "text,label,mood\nAwa,x,good\n"))
    assert "a.csv: left out: 1 fields 'mood'." in err


def test_annotation_of_the_source_is_replaced_and_stops_nothing(tag):
    spans = '{"text": "Awa Badjie", "spans": [[1, 2, "PER"]], "id": 1}\n'
    partial_ = '{"text": "Awa", "partial": true, "spans": []}\n'
    code, out, err = tag(write("a.jsonl", spans + partial_))
    assert code == 0
    assert all(r["spans"] == [] or r["spans"][0]["score"] for r in records(out))
    assert "allowed" not in records(out)[1]
    assert err.endswith("a.jsonl: predictions replace the annotation of 2 texts.\n")
    again = ner.read_sentences(write("again.jsonl", out), notes=Notes())
    assert [sentence.allowed for sentence in again] == [None, None]


def test_skipping_rows_leaves_the_numbers_of_the_others(tag):
    content = b"Awa left\ncaf\xe9\nBadjie left\n"
    _, out, _ = tag(write("a.txt", content), "--on-error", "skip")
    assert [(r["row"], r["text"]) for r in records(out)] == [(1, "Awa left"), (3, "Badjie left")]
    _, out, _ = tag(
        write("b.txt", b"\xe9\nAwa Badjie left\n"), "--on-error", "skip", "--output", "tsv"
    )
    header, row, *_ = (line.split("\t") for line in out.splitlines())
    assert header[:3] == ["number", "row", "start"]
    assert row[:3] == ["1", "2", "0"]
    assert "row" not in records(tag("Awa", "--on-error", "skip")[1])[0]


BROKEN = '{"text": "Awa"}\n{\n{"text": "Ada"}\n[]\n'


@pytest.mark.parametrize("source", ["a.jsonl", "-"], ids=["file", "standard input"])
def test_errors_are_rows_between_the_others_on_request(tag, source):
    write("a.jsonl", BROKEN)
    code, out, err = tag(source, "--error-rows", stdin=BROKEN.encode())
    name = "stdin" if source == "-" else source
    assert code == 0
    assert [(r["row"], r.get("text")) for r in records(out)] == [
        (1, "Awa"),
        (2, None),
        (3, "Ada"),
        (4, None),
    ]
    assert [r.get("error", "").partition(":")[0] for r in records(out)] == ["", name, "", name]
    assert f"skipped: {name}:2: not JSON" in err


def test_error_rows_name_their_source_and_need_json(tag):
    names = [write("a.jsonl", BROKEN), write("b.conll", "a O\nb\n\nAwa O\n")]
    _, out, _ = tag(*names, "--error-rows", "--output", "jsonl")
    assert [(r["source"], r["row"], "error" in r) for r in records(out)] == [
        ("a.jsonl", 1, False),
        ("a.jsonl", 2, True),
        ("a.jsonl", 3, False),
        ("a.jsonl", 4, True),
        ("b.conll", 2, True),
        ("b.conll", 4, False),
    ]
    fails(
        tag(names[0], "--error-rows", "--output", "tsv"), 2, "--error-rows: needs --output jsonl."
    )


@pytest.mark.parametrize(
    ("options", "lines"),
    [
        pytest.param((), ["Awa left.\n", "\n", "Badjie\n"], id="lines"),
        pytest.param((), ['{"text": "Awa"}\n', '{"text": "Ada", "n": 1}\n'], id="jsonl"),
        pytest.param(
            ("--error-rows",), ['{"text": "Awa"}\n', "{\n", "[]\n", '{"text": ""}\n'], id="errors"
        ),
        pytest.param(("--format", "conll"), ["Awa O\n\n", "Badjie O\n\n"], id="conll"),
        pytest.param(
            ("--format", "conll", "--output", "jsonl"), ["Awa O\n\n", "Ada O\n\n"], id="both"
        ),
    ],
)
def test_each_line_of_a_pipe_is_answered_before_the_next_is_written(tiny_model, options, lines):
    program = "import sys; from ner.cli import main; main(sys.argv[1:])"
    words = [sys.executable, "-c", program, "tag", "-", "--model", str(tiny_model), *options]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(words, **pipes, text=True) as process:
        for line in lines:
            process.stdin.write(line)
            process.stdin.flush()
            # Without an answer, this waits until the test is stopped for taking too long.
            answer = process.stdout.readline()
            if answer == "\n":  # the end of the sentence before
                answer = process.stdout.readline()
            assert answer.strip()
        process.stdin.close()
        assert process.wait() == 0


def test_many_lines_of_a_pipe_share_batches(run, tiny_model, monkeypatch):
    sizes = []
    start = BatchRunner.start

    def noted(self, sentences, *options):
        sizes.append(len(sentences))
        return start(self, sentences, *options)

    monkeypatch.setattr(BatchRunner, "start", noted)
    from ner.cli import main

    read, write_ = os.pipe()
    os.write(write_, b"Awa left.\n" * 3000)
    os.close(write_)
    with os.fdopen(read) as stdin, pytest.raises(SystemExit):
        monkeypatch.setattr(sys, "stdin", stdin)
        main(["tag", "-", "--model", str(tiny_model), "--format", "lines", "--output", "jsonl"])
    assert sum(sizes) == 3000
    assert max(sizes) == 1024


def test_conll_on_a_pipe_keeps_its_rows(tag):
    code, out, err = tag("-", stdin=CONLL.encode())
    assert (code, err) == (0, "stdin: read as conll.\n")
    assert out == tag(write("x.conll", CONLL))[1]


@pytest.mark.skipif(os.name == "nt", reason="needs pipes with paths")
def test_a_pipe_is_a_source_that_is_read_once(tag):
    reading, writing = os.pipe()
    os.write(writing, b"Awa Badjie left.\nAda met Bob.\n")
    os.close(writing)
    try:
        code, out, _ = tag(f"/dev/fd/{reading}", "--output", "jsonl")
    finally:
        os.close(reading)
    assert code == 0
    assert [record["text"] for record in records(out)] == ["Awa Badjie left.", "Ada met Bob."]


@pytest.mark.parametrize("source", ["a.txt", "a.jsonl", "-"], ids=["text", "records", "stdin"])
def test_lines_that_are_too_long_are_refused(tag, source):
    content = '{"text": "a"}\n{"text": "' + "a" * 100 + '"}\n'
    name = source if source == "-" else write(source, content)
    stdin = content.encode() if source == "-" else b""
    code, _, err = tag(name, "--max-line", "50", stdin=stdin)
    assert code == 1
    assert ":2: a line must have at most 50 bytes" in err


def test_a_whole_text_that_is_too_long_is_refused(tag):
    name = write("a.txt", "Awa left.\n" * 10)
    code, _, err = tag(name, "--format", "text", "--max-line", "50")
    assert code == 1
    assert "a.txt:6: a text must have at most 50 characters" in err
