import json
from dataclasses import replace
from functools import partial

import pytest

import ner
from ner.cli.looking import ENDINGS
from ner.data.formats.registry import FORMATS
from ner.model_folder import load_model, save_model
from tests.cli.helpers import CONLL, fails, records, write
from tests.tolerance import small_model_bound


@pytest.fixture
def tag(run, tiny_model):
    """Run `ner tag` with the small model."""
    return partial(run, "tag", "--model", tiny_model)


def test_a_text_is_tagged(tag):
    code, out, err = tag("Awa Badjie left.")
    assert (code, err) == (0, "")
    (record,) = records(out)
    assert record["text"] == "Awa Badjie left."
    assert [(s["text"], s["label"]) for s in record["spans"]] == [("Awa Badjie", "PER")]


def test_lines_are_tagged_one_by_one_with_blank_ones(tag):
    name = write("lines.txt", b"\xef\xbb\xbfAwa Badjie left.\r\n\r\n   \r\nZIGUINCHOR")
    code, out, _ = tag(name)
    assert code == 0
    assert [r["text"] for r in records(out)] == ["Awa Badjie left.", "", "   ", "ZIGUINCHOR"]


def test_a_text_file_is_one_text(tag):
    name = write("text.txt", "Awa Badjie\nleft.\n")
    _, out, _ = tag(name, "--format", "text")
    assert [r["text"] for r in records(out)] == ["Awa Badjie\nleft."]


def test_a_text_on_the_command_line_may_have_lines(tag):
    _, out, _ = tag("Awa\nBadjie", "--format", "lines")
    assert [r["text"] for r in records(out)] == ["Awa", "Badjie"]
    _, out, _ = tag("Awa\r\nBadjie")
    assert [r["text"] for r in records(out)] == ["Awa\r\nBadjie"]


def test_standard_input_is_read_by_default(tag):
    _, out, _ = tag(stdin=b"Awa Badjie\nleft\n")
    assert [r["text"] for r in records(out)] == ["Awa Badjie", "left"]
    assert tag(stdin=b"") == (0, "", "")


@pytest.mark.parametrize(
    "text",
    ["", " ", "word " * 2000, "x" * 50_000, "😀 \u2028", "U.S./UK"],
    ids=[
        "empty",
        "a blank",
        "many words",
        "one long word",
        "an emoji and a line separator",
        "a slash",
    ],
)
def test_any_text_is_a_text(tag, text):
    code, out, _ = tag(text)
    assert (code, records(out)[0]["text"]) == (0, text)


@pytest.mark.parametrize(
    "name",
    ["none.txt", "none.conll", "eng.testa", "./none", "/none/x"],
    ids=["txt", "conll", "eng.testa", "relative path", "absolute path"],
)
def test_a_text_that_looks_like_a_file_is_taken_for_one(tag, name):
    fails(tag(name), 1, f"{name}: no such file. If it is a text, add --format text.")
    assert tag(name, "--format", "text")[0] == 0


def test_conll_gets_a_last_column_and_keeps_its_rows(tag):
    name = write("x.conll", CONLL)
    code, out, _ = tag(name)
    assert code == 0
    given, tagged = CONLL.splitlines(), out.splitlines()
    assert len(given) == len(tagged)
    for row, longer in zip(given, tagged, strict=True):
        assert longer == (f"{row} {longer.rpartition(' ')[2]}" if row else "")
    assert tagged[2].endswith(" B-PER B-PER")
    ends = {"BIOES": "E", "BMES": "E", "BILOU": "L", "IOB1": "I", "IOB2": "I"}
    for scheme, prefix in ends.items():
        _, other, _ = tag(name, "--scheme", scheme)
        assert other.splitlines()[3].endswith(f" I-PER {prefix}-PER")


def test_a_column_file_that_names_another_format_is_read_as_that(tag):
    row = "d 0 {} {} NN * - - - - * -"
    rows = "\n".join(row.format(i, word) for i, word in enumerate(("Awa", "Badjie", "left")))
    name = write("x.conll", f"#begin document (d); part 000\n{rows}\n\n#end document\n")
    code, out, err = tag(name)
    assert code == 0
    assert err.startswith("x.conll: read as conll2012.\n")
    assert [(s["text"], s["label"]) for s in records(out)[0]["spans"]] == [("Awa Badjie", "PER")]


@pytest.mark.parametrize("name", ["conll", "jsonl"])
def test_files_that_are_columns_or_records_elsewhere_are_so_here(name):
    assert set(FORMATS[name].endings) <= set(ENDINGS[name])


def test_conll_keeps_its_rows_whatever_its_line_ends(tag):
    _, expected, _ = tag(write("x.conll", CONLL))
    windows = b"\xef\xbb\xbf" + CONLL.replace("\n", "\r\n").encode()
    assert tag(write("y.conll", windows))[1] == expected
    assert tag("-", "--format", "conll", stdin=CONLL.encode())[1] == expected


def test_a_model_that_learned_other_tokens_warns_where_text_is_raw(run, tiny_model, tmp_path):
    model, known = tmp_path / "model", load_model(tiny_model)
    save_model(model, replace(known, record={**known.record, "tokenizer": {"agreement": 0.07}}))
    for source in ("Awa Badjie left.", write("x.txt", "Awa Badjie left.\n")):
        code, out, err = run("tag", "--model", model, source)
        assert (code, len(records(out))) == (0, 1)
        (line,) = (line for line in err.splitlines() if line.startswith("Warning: "))
        assert line.startswith(f"Warning: {model}: raw text is cut into other tokens")
        assert "they agree to 7.0 %. Give the model tokens, " in line
    assert "Warning" not in run("tag", "--model", model, write("x.conll", CONLL))[2]


def test_conll_becomes_any_other_output(tag):
    name = write("x.conll", CONLL)
    _, out, _ = tag(name, "--output", "jsonl")
    assert [r["text"] for r in records(out)] == ["Awa Badjie left", "ZIGUINCHOR"]
    _, out, _ = tag(name, "--output", "pretty")
    assert out.startswith("[Awa Badjie PER 0.")
    assert "\x1b" not in out
    _, out, _ = tag(name, "--output", "tsv")
    header, row, *_ = (line.split("\t") for line in out.splitlines())
    assert header == ["number", "start", "end", "label", "score", "text"]
    assert row[:4] + row[5:] == ["1", "0", "10", "PER", "Awa Badjie"]


def test_a_table_has_a_row_an_entity_whatever_is_in_it(tag):
    _, out, _ = tag("Awa\tBadjie\nAwa\\Badjie", "--output", "tsv")
    assert all(line.count("\t") == 5 for line in out.splitlines())


def test_json_lines_keep_names_and_count(tag):
    lines = '{"id": "a", "text": "Awa Badjie"}\n\n{"text": ""}\n{"text": "a \\ud800 Awa"}\n'
    code, out, _ = tag(write("x.jsonl", lines))
    assert code == 0
    assert [(r.get("id"), r["text"]) for r in records(out)] == [
        ("a", "Awa Badjie"),
        (None, ""),
        (None, "a \ud800 Awa"),
    ]


@pytest.mark.parametrize("output", ["conll", "tsv", "pretty"])
def test_halves_of_pairs_can_be_printed(tag, output):
    name = write("x.jsonl", '{"text": "Awa \\ud800 Badjie"}')
    code, out, _ = tag(name, "--output", output)
    assert code == 0
    out.encode("utf-8")


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        pytest.param(
            "a.txt", b"caf\xe9", "a.txt:1: not UTF-8: byte 0xe9 at column 4", id="text, latin-1"
        ),
        pytest.param(
            "a.conll",
            b"a O\ncaf\xe9 O",
            "a.conll:2: not UTF-8: byte 0xe9 at column 4",
            id="conll, latin-1",
        ),
        pytest.param(
            "a.conll",
            "a\nb O",
            "a.conll:2: 2 columns, but the line before has 1.",
            id="conll, one column",
        ),
        pytest.param(
            "a.jsonl",
            '{"txt": "a"}',
            "a.jsonl:1: text: must be a string. Got None.",
            id="jsonl, no text",
        ),
        pytest.param("a.jsonl", "{", "a.jsonl:1: not JSON: ", id="jsonl, no JSON"),
    ],
)
def test_bad_input_is_one_line_and_code_1_or_skipped(tag, name, content, words):
    write(name, content)
    named = ("--format", "lines") if name == "a.txt" else ()
    fails(tag(name, *named), 1, words)
    code, _, err = tag(name, "--on-error", "skip", *named)
    assert code == 0
    assert err.startswith(f"skipped: {words}")
    assert err.endswith("Skipped 1 in total.\n")


@pytest.mark.parametrize("rows", [[], ["--error-rows"]], ids=["left out", "rows"])
def test_few_of_many_skipped_rows_are_listed(tag, rows):
    write("a.jsonl", '{"text": "Awa left."}\n{"txt": 1}\n' * 250)
    code, out, err = tag("a.jsonl", "--on-error", "skip", "--output", "jsonl", *rows)
    found = list(map(json.loads, out.splitlines()))
    assert code == 0
    assert [row["row"] for row in found if "error" in row] == ([*range(2, 501, 2)] if rows else [])
    assert sum("text" in row for row in found) == 250
    *listed, more, total = err.splitlines()
    assert len(listed) == 100
    assert listed[-1].startswith("skipped: a.jsonl:200: ")
    assert (more, total) == ("skipped: 150 more", "Skipped 250 in total.")


@pytest.mark.parametrize("name", ["a.txt", "a.csv"])
def test_files_are_read_in_their_encoding(tag, name):
    write(name, "text,label\nKöln,x\n".encode("latin-1"))
    code, out, _ = tag(name, "--encoding", "latin-1", "--output", "jsonl")
    assert code == 0
    assert json.loads(out.splitlines()[-1])["text"].startswith("Köln")
    fails(tag(name, "--encoding", "latin-0"), 2, "encoding: must be a name that Python")


def test_a_folder_is_no_text(tag):
    fails(tag("."), 1, ".: a directory, but a file is expected.")


def test_the_model_may_come_first(run, tag, tiny_model):
    """As in commands that always need one; a second model is one too many."""
    assert run("tag", str(tiny_model), "Anna paints.") == tag("Anna paints.")
    words = f"one model is expected. Got {tiny_model} and --model en."
    fails(run("tag", str(tiny_model), "Anna", "--model", "en"), 2, words)


@pytest.mark.parametrize("name", ["empty.conll", "empty.jsonl", "empty.txt"])
def test_an_empty_file_gives_an_empty_answer(tag, name):
    write(name, "")
    assert tag(name) == (0, "", "")


def test_sentences_of_a_text_are_tagged_by_themselves_if_asked(tag, tiny_tagger):
    text = "Ada met Bob in Paris. Turing saw Berlin."
    (whole,), (cut,) = (
        records(tag(text, "--output", "jsonl", *options)[1])
        for options in ((), ("--split-sentences",))
    )
    assert whole["text"] == cut["text"]
    expected = tiny_tagger.tag(text, split=ner.SentenceSplitter()).entities
    assert [(e["start"], e["end"], e["label"]) for e in cut["spans"]] == [
        (e.start, e.end, e.label) for e in expected
    ]
    fails(tag(text, "--split-sentences", "--language", "English"), 2, "language: ")


@pytest.mark.numeric
@pytest.mark.parametrize(
    "options",
    [("--runtime", "torch"), ("--threads", 1, "--batch-tokens", 7)],
    ids=["torch", "one thread, small batches"],
)
def test_runtime_threads_and_batches_change_no_answer(tag, options):
    lines = b"Ada met Bob.\n\nTuring saw Berlin in June .\n"
    code, expected, _ = tag("-", "--tokens", stdin=lines)
    assert code == 0
    code, found, _ = tag("-", "--tokens", *options, stdin=lines)
    assert code == 0
    for one, other in zip(records(found), records(expected), strict=True):
        scores = [[e.pop("score") for e in record["spans"]] for record in (one, other)]
        assert one == other
        assert scores[0] == pytest.approx(scores[1], abs=small_model_bound(len(one["tokens"])))


def test_any_format_of_corpora_can_be_tagged(tag):
    row = "1\tAwa\t" + "\t".join("_" * 8)
    for name, content in (
        ("in.conllu", f"{row}\n\n"),
        ("in.csv", "text,label\nAwa left,x\n"),
        ("in.json", '[{"text": "Awa left"}]'),
    ):
        code, out, err = tag(write(name, content))
        assert (code, len(records(out))) == (0, 1)
        assert err.startswith(f"{name}: read as ")
    named = tag(write("odd", "x Awa left\n"), "--format", "labels")
    assert records(named[1])[0]["text"] == "Awa left"


def test_several_sources_are_tagged_in_their_order(tag):
    files = [write("a.txt", "Awa left.\nBadjie\n"), write("b.jsonl", '{"text": "ZIGUINCHOR"}\n')]
    code, out, err = tag(*files, "Awa Badjie", "-", stdin=b"left\n")
    assert (code, err) == (0, "a.txt: read as lines.\nstdin: read as lines.\n")
    assert [(r.get("source"), r["text"]) for r in records(out)] == [
        ("a.txt", "Awa left."),
        ("a.txt", "Badjie"),
        ("b.jsonl", "ZIGUINCHOR"),
        (None, "Awa Badjie"),
        ("stdin", "left"),
    ]


def test_rows_name_no_source_where_there_is_only_one(tag):
    name = write("a.txt", "Awa Badjie\n")
    assert "source" not in records(tag(name)[1])[0]
    assert tag(name, "--output", "tsv")[1].startswith("number\t")


def test_a_source_is_tagged_as_if_it_were_alone(tag):
    files = [write("a.txt", "Awa Badjie left.\n" * 3), write("b.txt", "In ZIGUINCHOR .\nAda\n")]
    together = records(tag(*files)[1])
    alone = [record for file in files for record in records(tag(file)[1])]
    assert [{k: v for k, v in r.items() if k != "source"} for r in together] == alone


def test_a_table_of_several_sources_has_a_column_for_them(tag):
    name = write("a.txt", "Awa Badjie\nAwa Badjie\n")
    _, out, _ = tag(name, "Awa Badjie", "--output", "tsv")
    header, *rows = (line.split("\t") for line in out.splitlines())
    assert header[:3] == ["source", "number", "start"]
    assert [row[:2] for row in rows] == [["a.txt", "1"], ["a.txt", "2"], ["", "3"]]


def test_column_files_are_put_together_with_a_blank_line(tag):
    files = [write("a.conll", "Awa X\nBadjie X"), write("b.conll", "left Y\n\n")]
    code, out, _ = tag(*files)
    assert code == 0
    assert [line.split(" ")[:2] for line in out.splitlines()] == [
        ["Awa", "X"],
        ["Badjie", "X"],
        [""],
        ["left", "Y"],
        [""],
    ]


def test_column_files_among_others_become_json_lines_unless_asked(tag):
    sources = [write("a.conll", "left Y\n"), "Awa"]
    assert [r["text"] for r in records(tag(*sources)[1])] == ["left", "Awa"]
    _, out, _ = tag(*sources, "--output", "conll")
    assert [line.split()[:1] for line in out.splitlines()] == [["left"], [], ["Awa"], []]


def test_all_sources_are_opened_before_any_is_tagged(tag):
    fails(tag("Awa", "none.txt"), 1, "none.txt: no such file.")
    fails(tag("-", "-"), 2, "ner tag: - may be named only once. Got - -.")


def test_what_is_skipped_in_several_sources_is_listed_once(tag):
    files = [write("a.jsonl", "{\n"), write("b.jsonl", '{"text": "Awa"}\n[]\n')]
    code, out, err = tag(*files, "--on-error", "skip")
    assert (code, len(records(out))) == (0, 1)
    assert [line.partition(" ")[0] for line in err.splitlines()] == [
        "skipped:",
        "skipped:",
        "Skipped",
    ]
    assert "skipped: b.jsonl:2: " in err
