"""Entities to placeholders and back, in files that stay as they are otherwise."""

import csv
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ner.data.formats.options import ReadOptions
from ner.data.sentence import Entity
from ner.data.tools.passages import json_passages, table_passages, text_passages
from ner.data.tools.redact import Redactor, Restorer, read_map, write_map
from ner.errors import DataError

# Characters that files escape, and pieces of placeholders.
ALPHABET = [*'ab"\\/,;\t\n\r{}:é\U0001f600\u2028', "<PER_1>", "<PER_2>", "<TEXT_1>", "<", " "]
TEXTS = st.lists(st.sampled_from(ALPHABET), max_size=12).map("".join)
LINES = TEXTS.map(lambda text: text.replace("\r", "").replace("\n", ""))


def entities(text, places):
    """Return entities that follow each other, with borders at some places of a text."""
    borders = sorted({place % (len(text) + 1) for place in places})
    pairs = zip(borders[::2], borders[1::2], strict=False)
    return [Entity(text[a:b], "PER" if a % 3 else "LOC", a, b) for a, b in pairs]


def redacted(passages, places, **options):
    """Return a redacted file, its redactor, and the changed text of each passage."""
    redactor, written, texts = Redactor(**options), [], []
    for passage in passages:
        changes = redactor.changes(passage, entities(passage.text, places))
        written.append(passage.rewritten(changes))
        text, end = "", 0
        for change in changes:
            text += passage.text[end : change.start] + change.text
            end = change.end
        texts.append(text + passage.text[end:])
    return "".join(written), redactor, texts


def restored(passages, redactor, path):
    write_map(path, redactor)
    restorer = Restorer(read_map(path), "map")
    return "".join(passage.rewritten(restorer.changes(passage)) for passage in passages)


def plain(content):
    return text_passages(content.encode().splitlines(keepends=True), "x", is_whole=False)


def in_json(content, fields=("text",)):
    return json_passages([content.encode()], "x", fields)


PLACES = st.lists(st.integers(0, 40), max_size=6)
SCOPES = st.sampled_from(["run", "document"])


@given(lines=st.lists(LINES, max_size=4), places=PLACES, scope=SCOPES)
def test_lines_are_restored_exactly(lines, places, scope, tmp_path_factory):
    content = "\r\n".join(lines)
    out, redactor, _ = redacted(plain(content), places, scope=scope, is_reversible=True)
    path = tmp_path_factory.getbasetemp() / "lines.json"
    assert restored(plain(out), redactor, path) == content


@given(
    text=TEXTS,
    other=TEXTS,
    places=PLACES,
    ascii_=st.booleans(),
    separators=st.sampled_from([(",", ":"), (" , ", " : ")]),
)
def test_records_change_nowhere_else_and_are_restored_exactly(
    text, other, places, ascii_, separators, tmp_path_factory
):
    record = {"text": text, "n": [1.50, None], "other": other, "title": other}
    content = " " + json.dumps(record, ensure_ascii=ascii_, separators=separators) + " \r\n"
    out, redactor, texts = redacted(in_json(content), places, is_reversible=True)
    assert json.loads(out) == {**record, "text": texts[0]}
    key = f'"text"{separators[1]}'
    before, _, after = content.partition(key + json.dumps(text, ensure_ascii=ascii_))
    assert out.startswith(before + key) and out.endswith(after)
    path = tmp_path_factory.getbasetemp() / "records.json"
    assert restored(in_json(out), redactor, path) == content


@pytest.mark.parametrize("delimiter", [",", ";", "\t"], ids=["comma", "semicolon", "tab"])
@given(texts=st.lists(TEXTS, min_size=1, max_size=3), places=PLACES, quoting=st.booleans())
def test_tables_change_nowhere_else_and_are_restored_exactly(
    texts, places, quoting, delimiter, tmp_path_factory
):
    folder = tmp_path_factory.getbasetemp()
    content = io.StringIO()
    style = csv.QUOTE_ALL if quoting else csv.QUOTE_MINIMAL
    writer = csv.writer(content, delimiter=delimiter, quoting=style)
    writer.writerows([["id", "text", "note"], *([i, text, text] for i, text in enumerate(texts))])
    (folder / "x.csv").write_bytes(content.getvalue().encode())

    def read():
        return table_passages(folder / "x.csv", ReadOptions(), delimiter)

    out, redactor, changed = redacted(read(), places, is_reversible=True)
    rows = list(csv.reader(io.StringIO(out, newline=""), delimiter=delimiter))
    assert rows[0] == ["id", "text", "note"]
    assert rows[1:] == [
        [str(i), new, old] for i, (new, old) in enumerate(zip(changed[1:], texts, strict=True))
    ]
    (folder / "x.csv").write_bytes(out.encode())
    assert restored(read(), redactor, folder / "table.json") == content.getvalue()


def test_equal_names_have_equal_numbers():
    content = "Ada Bob Ada\nBob\n"
    for scope, expected in (("run", "<PER_1> <PER_2> <PER_1>\n<PER_2>\n"), ("document", None)):
        redactor, out = Redactor(scope), ""
        for passage in plain(content):
            words = [(word, passage.text.find(word)) for word in ("Ada", "Bob")]
            found = [Entity(word, "PER", a, a + 3) for word, a in words if a >= 0]
            found += [Entity("Ada", "PER", 8, 11)] * (len(passage.text) > 8)
            out += passage.rewritten(redactor.changes(passage, found))
        assert out == (expected or "<PER_1> <PER_2> <PER_1>\n<PER_1>\n")


def test_labels_are_numbered_by_themselves():
    (passage,) = plain("Ada Ada")
    found = [Entity("Ada", "PER", 0, 3), Entity("Ada", "ORG", 4, 7)]
    changes = Redactor().changes(passage, found)
    assert passage.rewritten(changes) == "<PER_1> <ORG_1>"


def test_numbers_of_an_earlier_run_continue():
    (passage,) = plain("Ada Bob")
    found = [Entity("Ada", "PER", 0, 3), Entity("Bob", "PER", 4, 7)]
    redactor = Redactor(known={"<PER_7>": "Bob"})
    assert passage.rewritten(redactor.changes(passage, found)) == "<PER_8> <PER_7>"
    assert redactor.documents == [{"<PER_7>": "Bob", "<PER_8>": "Ada"}]


def test_only_the_owner_may_read_a_map(tmp_path):
    write_map(tmp_path / "map.json", Redactor())
    assert (tmp_path / "map.json").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "map.json").read_text() == "{}\n"


def test_placeholders_that_the_map_lacks_stay():
    (passage,) = plain("<PER_1> <PER_2> <b_1>")
    changes = Restorer({"<PER_2>": "Ada"}, "map").changes(passage)
    assert passage.rewritten(changes) == "<PER_1> Ada <b_1>"


def test_a_field_is_quoted_where_what_returns_needs_it(tmp_path):
    (tmp_path / "x.csv").write_text("text,n\n<PER_1>,1\n")
    _, passage = table_passages(tmp_path / "x.csv", ReadOptions(), ",")
    changes = Restorer({"<PER_1>": 'Ada \\"A\\", Lady'}, "map").changes(passage)
    assert passage.rewritten(changes) == '"Ada ""A"", Lady",1\n'


def test_several_fields_change():
    content = '{"title": "a", "x": "a", "text": "b", "text": "c"}\n{"title": null, "text": ""}\n\n'
    lines = content.encode().splitlines(keepends=True)
    passages = list(json_passages(lines, "x", ("text", "title")))
    assert [p.text for p in passages] == ["a", "b", "c", "", ""]
    assert [p.document for p in passages] == [0, 0, 0, 1, 2]
    assert "".join(p.rewritten([]) for p in passages) == content


@pytest.mark.parametrize(
    ("line", "words"),
    [
        pytest.param("[1]", "x:1: must be an object of JSON. Got [1].", id="list"),
        pytest.param("{", "x:1: not JSON", id="half"),
        pytest.param('{"body": "a"}', "x:1: must have the field 'text'. Got", id="other"),
        pytest.param('{"text": 1}', "x:1: text: must be a string. Got 1.", id="number"),
    ],
)
def test_a_record_without_text_is_refused(line, words):
    with pytest.raises(DataError) as error:
        list(in_json(line))
    assert str(error.value).startswith(words)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param("[]\n{}", id="two"),
        pytest.param('{"PER_1": "a"}', id="name"),
        pytest.param('{"<PER_1>": 1}', id="number"),
        pytest.param('["<PER_1>"]', id="list"),
        pytest.param("{" * 100_000, id="deep"),
    ],
)
def test_another_file_is_no_map(tmp_path, content):
    (tmp_path / "map.json").write_text(content)
    with pytest.raises(DataError, match=r"map\.json: must"):
        read_map(tmp_path / "map.json")


def test_a_map_of_fewer_texts_is_refused():
    restorer = Restorer([{"<PER_1>": "Ada"}], "map.json")
    first, second = plain("<PER_1>\n<PER_1>\n")
    assert first.rewritten(restorer.changes(first)) == "Ada\n"
    with pytest.raises(DataError, match=r"map\.json: must be the map of this file"):
        restorer.changes(second)
