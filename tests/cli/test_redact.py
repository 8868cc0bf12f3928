"""`ner redact`: entities become placeholders, all else stays, and the way back is exact."""

import gzip
import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

import ner
from tests.cli.helpers import fails, write


@pytest.fixture
def redact(run, tiny_model):
    """Run `ner redact` with the small model."""
    return partial(run, "redact", "--model", tiny_model)


@pytest.fixture(scope="module")
def texts():
    """Give texts in which the small model finds entities."""
    return [s.text for s in ner.read_sentences("sample:train") if s.spans][:8]


@pytest.fixture(scope="module")
def expected(tiny_tagger):
    """Return a function that replaces entities of texts as a run does."""

    def replace(texts, keep=lambda entity: True):
        numbers, counts, found = {}, {}, []
        for text in texts:
            pieces, end = [], 0
            for e in filter(keep, tiny_tagger.tag(text).entities):
                if (e.label, e.text) not in numbers:
                    counts[e.label] = counts.get(e.label, 0) + 1
                    numbers[e.label, e.text] = f"<{e.label}_{counts[e.label]}>"
                pieces += text[end : e.start], numbers[e.label, e.text]
                end = e.end
            found.append("".join(pieces) + text[end:])
        return found

    return replace


def there_and_back(redact, run, name, *options):
    """Redact a file, restore it, and return the redacted content after a check of the way back."""
    code, _, err = redact(name, "--out", "out", "--map", "map.json", *options)
    assert code == 0, err
    format_ = [] if "--format" in options else ["--format", Path(name).suffix[1:]]
    code, _, _ = run("redact", "out", "--restore", "map.json", "-o", "back", *format_, *options)
    assert code == 0
    assert Path("back").read_bytes() == Path(name).read_bytes()
    return Path("out").read_bytes()


def test_a_text_is_redacted(redact, texts, expected):
    code, out, err = redact(texts[0])
    assert (code, out, err) == (0, f"{expected(texts[:1])[0]}\n", "")
    assert "<" in out


@pytest.mark.parametrize(
    ("encoding", "mark", "ends"),
    [
        pytest.param("utf-8", b"", "\n", id="UTF-8"),
        pytest.param("utf-8", b"\xef\xbb\xbf", "\r\n", id="UTF-8 with a mark"),
        pytest.param("latin-1", b"", "\r\n", id="Latin-1"),
        pytest.param("utf-16-le", b"\xff\xfe", "\r\n", id="UTF-16, little endian"),
        pytest.param("utf-16-be", b"\xfe\xff", "\n", id="UTF-16, big endian"),
        pytest.param("utf-16-be", b"", "\n", id="UTF-16 without a mark"),
        pytest.param("utf-8", b"", "\r", id="carriage returns"),
    ],
)
def test_lines_keep_their_bytes(redact, run, texts, expected, encoding, mark, ends):
    lines = [f"caf\xe9 {text}\t" for text in texts]
    write("a.txt", mark + (ends.join(lines) + ends * 2).encode(encoding))
    options = ["--format", "text" if ends == "\r" else "lines"]
    out = there_and_back(redact, run, "a.txt", *options, "--encoding", encoding)
    assert out.startswith(mark)
    found = out[len(mark) :].decode(encoding)
    if ends != "\r":
        assert found == ends.join(expected(lines)) + ends * 2


def test_a_packed_file_is_unpacked_or_packed_again(redact, texts, expected):
    write("a.txt.gz", gzip.compress("\n".join(texts).encode()))
    assert redact("a.txt.gz", "--format", "lines")[1] == "\n".join(expected(texts))
    redact("a.txt.gz", "--format", "lines", "-o", "b.txt.gz")
    assert gzip.decompress(Path("b.txt.gz").read_bytes()).decode() == "\n".join(expected(texts))


def test_records_keep_their_bytes(redact, run, texts, expected):
    end = ', "x": 1.50, "text2": "\\u00e9\\/" }'
    escaped = [json.dumps(f"\xe9 {text} \U0001f600") for text in texts]
    rows = [f'{{ "id":1,\t"text" : {text} {end}' for text in escaped]
    write("a.jsonl", "\n\n".join(rows) + "\r\n")
    out = there_and_back(redact, run, "a.jsonl").decode()
    for row, text in zip(rows, expected([json.loads(row)["text"] for row in rows]), strict=True):
        before, after = row.split(json.dumps(json.loads(row)["text"]))
        assert before + json.dumps(text) + after in out


def test_named_fields_are_redacted_together(redact, run, texts, expected):
    row = {"title": texts[0], "text": texts[1], "body": texts[0]}
    write("a.jsonl", json.dumps(row, ensure_ascii=False))
    out = json.loads(there_and_back(redact, run, "a.jsonl", "--fields", "title,body"))
    assert out == {**row, "title": expected(texts)[0], "body": expected(texts)[0]}


@pytest.mark.parametrize("delimiter", [",", ";", "\t"], ids=["comma", "semicolon", "tab"])
def test_tables_keep_their_bytes(redact, run, texts, expected, delimiter):
    name = "a.tsv" if delimiter == "\t" else "a.csv"

    def table(texts):
        rows = [["id", "review", '"n"'], [], *([f'"{i}"', quoted(t), '""'] for i, t in texts)]
        return "".join(delimiter.join(row) + "\r\n" for row in rows)

    content = table(enumerate(texts))
    write(name, b"\xef\xbb\xbf" + content.encode())
    out = there_and_back(redact, run, name, "--fields", "review", "--format", name[2:])
    assert out.decode("utf-8-sig") == table(enumerate(expected(texts)))


def quoted(text):
    return '"{}"'.format(text.replace('"', '""'))


def test_the_column_that_is_changed_is_named(redact, texts, expected):
    write("a.csv", f"review,stars\n{quoted(texts[0])},1\n")
    code, out, err = redact("a.csv", "--format", "csv")
    assert (code, err) == (0, "a.csv: the column 'review' is changed.\n")
    assert out == f"review,stars\n{quoted(expected(texts)[0])},1\n"


def test_a_table_with_carriage_returns_keeps_them(redact, run, texts):
    write("a.csv", "text\r" + "\r".join(map(quoted, texts)) + "\r")
    out = there_and_back(redact, run, "a.csv")
    assert b"<" in out and b"\n" not in out


def test_a_document_has_its_own_numbers(redact, run, texts, expected):
    write("a.txt", "\n".join([*texts, *texts]))
    out = there_and_back(redact, run, "a.txt", "--format", "lines", "--scope", "document")
    alone = [expected([text])[0] for text in texts]
    assert out.decode().split("\n") == alone * 2
    maps = json.loads(Path("map.json").read_text())
    assert len(maps) == 2 * len(texts)
    assert all(name in line for line, known in zip(alone * 2, maps, strict=True) for name in known)


def test_placeholders_in_the_text_are_told_from_new_ones(redact, run, texts):
    write("a.txt", f"<PER_1> <LOC_1>\n{texts[0]}\n<PER_1>\n")
    out = there_and_back(redact, run, "a.txt", "--format", "lines").decode()
    assert out.startswith("<TEXT_1> <TEXT_2>\n")
    assert out.endswith("\n<TEXT_1>\n")


def test_only_chosen_labels_and_scores_are_replaced(redact, texts, expected, tiny_tagger):
    write("a.txt", "\n".join(texts))
    out = redact("a.txt", "--format", "lines", "--labels", "PER,ORG")[1]
    assert out == "\n".join(expected(texts, lambda e: e.label in ("PER", "ORG")))
    scores = sorted(e.score for text in texts for e in tiny_tagger.tag(text).entities)
    # Between two scores, which depend a little on the sentences of a batch.
    middle = len(scores) // 2
    bound = (scores[middle - 1] + scores[middle]) / 2
    out = redact("a.txt", "--format", "lines", "--min-score", bound)[1]
    assert out == "\n".join(expected(texts, lambda e: e.score >= bound))
    out = redact("a.txt", "--format", "lines", "--min-score", f"PER={bound}")[1]
    assert out == "\n".join(expected(texts, lambda e: e.label != "PER" or e.score >= bound))


def test_a_second_run_continues_the_numbers_of_a_map(redact, texts, expected):
    first, second = expected(texts[:2])
    assert redact(texts[0], "--map", "map.json")[1] == f"{first}\n"
    assert redact(texts[1], "--map", "map.json")[1] == f"{second}\n"
    known = json.loads(Path("map.json").read_text())
    assert all(name in first + second for name in known)


def test_what_was_printed_before_an_error_can_be_restored(redact, run, texts):
    rows = [json.dumps({"text": texts[i % len(texts)]}) + "\n" for i in range(1100)]
    write("a.jsonl", "".join(rows) + "{\n")
    code, out, err = redact("a.jsonl", "--map", "map.json")
    assert (code, err.startswith("a.jsonl:1101: not JSON")) == (1, True)
    write("out", out)
    code, back, _ = run("redact", "out", "--restore", "map.json", "--format", "jsonl")
    assert (code, len(back) > 1000) == (0, True)
    assert "".join(rows).startswith(back)
    code, _, _ = redact("a.jsonl", "--out", "no")
    assert (code, Path("no").exists()) == (1, False)


def test_lines_of_a_pipe_are_answered_one_by_one(tiny_model, texts, expected):
    command = [sys.executable, "-m", "ner", "redact", "--model", str(tiny_model)]
    root = str(Path(__file__).parents[2])
    process = subprocess.Popen(
        [*command, "--format", "lines"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": root},
    )
    assert process.stdin and process.stdout
    for text, new in zip(texts, expected(texts), strict=True):
        process.stdin.write(f"{text}\n".encode())
        process.stdin.flush()
        assert process.stdout.readline().decode() == f"{new}\n"
    process.stdin.close()
    assert process.wait() == 0
    process.stdout.close()


def test_sentences_are_tagged_by_themselves(redact, texts, tiny_tagger):
    text = f"{texts[1]} {texts[2]}"
    write("a.txt", text)
    found = tiny_tagger.tag(text, split=ner.SentenceSplitter()).entities
    out = redact("a.txt", "--format", "text", "--split-sentences", "--map", "map.json")[1]
    assert sorted({e.text for e in found}) == sorted(
        json.loads(Path("map.json").read_text()).values()
    )
    assert out.count("<") == len(found) + text.count("<")


def test_mistakes_are_one_line(redact, run, tiny_model):
    write("a.txt", "a\n")
    write("a.conll", "Ada B-PER\n")
    write("a.jsonl", '{"body": "a"}\n')
    write("a.csv", "id,text\n1\n")
    write("bad.json", "[1]")
    fails(redact("none.txt"), 1, "none.txt: no such file.")
    fails(redact("a.conll"), 2, "ner redact changes files in the formats text, lines, jsonl, csv")
    fails(redact("a.jsonl"), 1, "a.jsonl:1: must have the field 'text'")
    fails(redact("a.txt", "--format", "lines", "--out", "a.txt"), 2, "OUT: must be another file")
    fails(redact("a.txt", "--format", "lines", "--fields", "x"), 2, "--fields: is for JSON lines")
    fails(redact("Ada", "--labels", "PERS"), 2, "Got 'PERS'. Did you mean 'PER'?")
    fails(redact("Ada", "--map", "bad.json"), 1, "bad.json: must hold what placeholders")
    fails(redact("Ada", "--restore", "bad.json"), 2, "--restore: goes without --model. Got both.")
    fails(run("redact", "Ada", "--restore", "none"), 1, "none: no such file.")
    write("map.json", "[{}]")
    fails(redact("Ada", "--map", "map.json"), 2, "map.json: must be a new file")
    code, _, err = redact("a.csv", "--format", "csv")
    assert code == 1
    assert "a.csv:2: 1 column, but the header has 2." in err


def test_what_an_encoding_cannot_hold_is_refused(run):
    write("map.json", '{"<PER_1>": "\\u0141"}')
    write("a.txt", "<PER_1>\n")
    result = run(
        *("redact", "a.txt", "--restore", "map.json", "--format", "lines"),
        *("--encoding", "latin-1", "--out", "b.txt"),
    )
    fails(result, 1, "b.txt: must be text that iso8859-1 can encode. Got '\u0141'.")
