import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ner.data.formats.jsonl import read_jsonl, write_jsonl
from ner.data.formats.options import ReadOptions
from ner.data.schemes import Span
from ner.data.sentence import Prediction, Sentence, Source
from ner.data.spans import Notes
from ner.data.tokenizer import Tokenizer
from tests.data.corpora import error_line

tokenize = Tokenizer()


def read(*records, **options):
    lines = (r if isinstance(r, bytes) else json.dumps(r).encode() for r in records)
    return list(read_jsonl(io.BytesIO(b"\n".join(lines)), "x.jsonl", ReadOptions(**options)))


def error_of(record):
    return error_line(lambda: read({"text": "fine"}, record)).removeprefix("x.jsonl:2: ")


def test_character_spans_become_spans_of_tokens():
    sentence = read(
        {
            "text": "Ada Lovelace left Paris.",
            "spans": [
                {"start": 18, "end": 23, "label": "LOC"},
                {"start": 0, "end": 12, "label": "PER", "text": "Ada Lovelace", "score": 1},
            ],
            "id": 7,
            "document": "d",
            "columns": {"pos": ["NNP", "NNP", "VBD", "NNP", "."]},
        }
    )[0]
    assert sentence.tokens == ("Ada", "Lovelace", "left", "Paris", ".")
    assert sentence.spans == (Span(0, 2, "PER"), Span(3, 4, "LOC"))
    assert (sentence.id, sentence.document) == ("7", "d")
    assert sentence.columns["pos"] == ("NNP", "NNP", "VBD", "NNP", ".")
    assert sentence.source == Source("x.jsonl", 1)


def test_a_record_may_bring_its_own_tokens():
    spans = [{"start": 0, "end": 2, "label": "X"}]
    record = {"text": "ab\u00a0c", "tokens": [[0, 2], [2, 3], [3, 4]], "spans": spans}
    assert read(record)[0].tokens == ("ab", "\u00a0", "c")
    listed = read({"tokens": ["ab", "c d"], "spans": spans})[0]
    assert (listed.tokens, listed.text) == (("ab", "c d"), "ab c d")
    assert listed.spans == (Span(0, 1, "X"),)


def test_a_record_without_spans_is_not_annotated():
    assert read({"text": "a"})[0].spans is None
    assert read({"text": "a", "spans": []})[0].spans == ()
    assert read({"text": "a", "entities": [{"start": 0, "end": 1, "label": "X"}]})[0].spans


def test_blank_lines_are_skipped_and_empty_texts_are_not():
    sentences = read(b"\xef\xbb\xbf", {"text": ""}, b" \t\r", {"text": " \n"})
    assert [(s.tokens, s.text, s.source.line) for s in sentences] == [((), "", 2), ((), " \n", 4)]


@pytest.mark.parametrize(
    ("record", "message"),
    [
        pytest.param(
            {"text": "to Berlin", "spans": [{"start": 3, "end": 8, "label": "LOC"}]},
            "span [3, 8) 'Berli' does not start and end at token borders.",
            id="a span inside a token",
        ),
        pytest.param(
            {"text": "to Berlin", "spans": [{"start": 2, "end": 9, "label": "LOC"}]},
            "span [2, 9) ' Berlin' does not start and end at token borders.",
            id="a span with a blank",
        ),
        pytest.param(
            {"text": "ab", "spans": [{"start": 0, "end": 3, "label": "X"}]},
            "span [0, 3): must not be empty, and be within a text of 2 characters.",
            id="a span beyond the text",
        ),
        pytest.param(
            {"text": "ab", "spans": [{"start": -2, "end": 2, "label": "X"}]},
            "span [-2, 2): must not be empty, and be within a text of 2 characters.",
            id="a span before the text",
        ),
        pytest.param(
            {
                "text": "a b c",
                "spans": [
                    {"start": 2, "end": 5, "label": "X"},
                    {"start": 0, "end": 3, "label": "Y"},
                ],
            },
            "spans [0, 3) and [2, 5) overlap.",
            id="spans that overlap",
        ),
        pytest.param(
            {"text": "a", "spans": [{"start": 0, "end": True, "label": "X"}]},
            "spans: each span must have whole numbers start and end, and a string as label. "
            "Got {'start': 0, 'end': True, 'label': 'X'}.",
            id="an end that is a boolean",
        ),
        pytest.param(
            {"text": "a", "spans": [{"start": 0, "end": 1}]},
            "spans: each span must have whole numbers start and end, and a string as label. "
            "Got {'start': 0, 'end': 1}.",
            id="a span without label",
        ),
        pytest.param(
            {"text": "a", "spans": [[0, 1]]},
            "spans: must be a list of objects. Got [[0, 1]].",
            id="a span that is a list",
        ),
        pytest.param(
            {"text": "a", "spans": "none"},
            "spans: must be a list of objects. Got 'none'.",
            id="spans that are a string",
        ),
        pytest.param({"text": 7}, "text: must be a string. Got 7.", id="a text that is a number"),
        pytest.param({"label": "x"}, "text: must be a string. Got None.", id="no text"),
        pytest.param(
            {"text": "a", "id": 1.5},
            "id: must be a string or a whole number. Got 1.5.",
            id="an id that is a fraction",
        ),
        pytest.param(
            {"text": "a", "document": []},
            "document: must be a string or a whole number. Got [].",
            id="a document that is a list",
        ),
        pytest.param(
            {"text": "a b", "tokens": ["a"]},
            "tokens: beside text, must be a list of [start, end]. Got ['a'].",
            id="tokens that are strings beside a text",
        ),
        pytest.param(
            {"text": "a b", "tokens": [[0, 2], [1, 3]]},
            "tokens: must be ascending ranges within a text of 3 characters. Got [1, 3].",
            id="tokens that overlap",
        ),
        pytest.param(
            {"text": "a b", "tokens": [[0, 4]]},
            "tokens: must be ascending ranges within a text of 3 characters. Got [0, 4].",
            id="a token beyond the text",
        ),
        pytest.param(
            {"tokens": ["a", ""]},
            "tokens: without text, must be a list of strings, none of them empty. Got ['a', ''].",
            id="an empty token",
        ),
        pytest.param(
            {"tokens": "a"},
            "tokens: without text, must be a list of strings, none of them empty. Got 'a'.",
            id="tokens that are a string",
        ),
        pytest.param(
            {"text": "a", "columns": []},
            "columns: must be an object of lists. Got [].",
            id="columns that are a list",
        ),
        pytest.param(
            {"text": "a", "columns": {"pos": ["X", "Y"]}},
            "columns.pos: must be a string for each of 1 tokens. Got ['X', 'Y'].",
            id="a column too long",
        ),
        pytest.param([1], "a record must be a JSON object. Got [1].", id="a list"),
        pytest.param(
            b'{"text": "a" "id": 1}',
            "not JSON: Expecting ',' delimiter at column 14. Each line must hold one object.",
            id="a missing comma",
        ),
        pytest.param(
            b'{"text": "caf\xe9"}',
            "not UTF-8: byte 0xe9 at column 14 (byte 30 of the file). "
            "If the file has another encoding, such as latin-1, name it.",
            id="latin-1",
        ),
        pytest.param(
            {"text": ["x" * 99]},
            f"text: must be a string. Got ['{'x' * 55}....",
            id="a long value",
        ),
    ],
)
def test_a_bad_record_is_one_line_with_file_line_and_reason(record, message):
    assert error_of(record) == message


@pytest.mark.parametrize(
    "hostile",
    [b"[" * 100_000, b'{"text": 1' + b"0" * 5000 + b"}"],
    ids=["nested too deep", "a number too long"],
)
def test_json_beyond_all_limits_is_a_data_error(hostile):
    assert error_of(hostile).startswith(("not JSON", "text: must be a string"))


def test_bad_records_are_left_out_and_listed():
    problems = []
    sentences = read({"text": "a"}, b"{", {"text": 1}, b"\xff", {"text": "b"}, problems=problems)
    assert [sentence.text for sentence in sentences] == ["a", "b"]
    assert [str(problem)[:10] for problem in problems] == ["x.jsonl:2:", "x.jsonl:3:", "x.jsonl:4:"]


def test_a_prediction_is_written_with_its_scores():
    sentence = Sentence(
        ["Ada", "left"],
        text="Ada  left",
        offsets=[(0, 3), (5, 9)],
        id="1",
        document="d",
        spans=[],
        prediction=Prediction((Span(0, 1, "PER"),), (0.98765432,)),
    )
    assert json.loads(next(write_jsonl([sentence]))) == {
        "id": "1",
        "document": "d",
        "text": "Ada  left",
        "tokens": [[0, 3], [5, 9]],
        "spans": [{"start": 0, "end": 3, "label": "PER", "text": "Ada", "score": 0.987654}],
    }


def test_text_is_written_readably():
    assert "北京 é" in next(write_jsonl([Sentence(["北京", "é"])]))


@pytest.mark.parametrize(
    "text",
    ["a \ud83d b", "\ude00\ud83d", "\ud83d\ude00 é", "😀\ud83d"],
    ids=["high", "low before high", "a pair", "after an emoji"],
)
def test_lone_surrogates_can_be_written_and_keep_all_places(text):
    tokens, offsets = tokenize(text)
    sentence = Sentence(tokens, text=text, offsets=offsets)
    again = next(read_jsonl([next(write_jsonl([sentence])).encode("utf-8")], "x"))
    assert again.offsets == sentence.offsets
    assert len(again.text) == len(text)


PIECES = st.sampled_from(
    ["Ada", "e\u0301", "👩\u200d👩\u200d👧", "🇩🇪", "  ", "\u2028", "\n", "中", ". ", "x "]
)


@given(
    text=st.lists(PIECES | st.characters(exclude_categories=["Cs"])).map("".join), data=st.data()
)
def test_what_is_written_is_read_again(text, data):
    tokens, offsets = tokenize(text)
    borders = data.draw(st.sets(st.integers(0, len(tokens)))) if tokens else set()
    bounds = sorted(borders)
    spans = [Span(s, e, "X") for s, e in zip(bounds[::2], bounds[1::2], strict=False)]
    written = Sentence(tokens, text=text, offsets=offsets, spans=spans, id="i", document="d")
    line = next(write_jsonl([written]))
    assert "\n" not in line
    assert next(read_jsonl([line.encode()], "x")).replace(source=None) == written
    without_tokens = {key: value for key, value in json.loads(line).items() if key != "tokens"}
    assert read(without_tokens)[0].replace(source=None) == written


def test_tags_may_stand_beside_nothing_but_tokens():
    tokens = {"tokens": ["Ada", "Lovelace", "left"]}
    for key in ("ner_tags", "tags"):
        (sentence,) = read({**tokens, key: ["B-PER", "L-PER", "O"]})
        assert sentence.spans == ((0, 2, "PER"),)
    assert read({**tokens, "tags": ["B-PER", "?", "O"]})[0].allowed == (("B-PER",), (), ("O",))
    assert read({**tokens, "tags": ["news"]})[0].spans is None
    assert read({"text": "Ada left", "tags": ["B-PER", "O"]})[0].spans is None
    assert error_of({**tokens, "ner_tags": [1, 2, 0]}).startswith(
        "ner_tags: must be a string for each"
    )
    assert error_of({**tokens, "ner_tags": ["PER"] * 3}).startswith(
        "ner_tags: a tag must be O or a pre"
    )
    both = {**tokens, "tags": ["O"] * 3, "spans": []}
    assert error_of(both) == "tags: must not be combined with spans or partial. Got both."


def test_relations_that_are_no_list_do_no_harm():
    assert read({"text": "a", "relations": 5})[0].tokens == ("a",)


def test_labels_beside_tokens_may_be_tags():
    tokens = {"tokens": ["Ada", "left"]}
    for key in ("labels", "label"):
        (sentence,) = read({**tokens, key: ["B-PER", "O"]})
        assert (sentence.spans, sentence.labels) == (((0, 1, "PER"),), None)
    assert read({**tokens, "labels": ["news"]})[0].labels == ("news",)
    assert read({**tokens, "labels": ["news", "sport"]})[0].labels == ("news", "sport")
    assert read({"text": "Ada left", "labels": ["O", "O"]})[0].labels == ("O", "O")
    for wrong in (["PER", "O"], [1, 0]):
        assert error_of({**tokens, "labels": wrong}) == (
            f"labels: beside as many tokens, must be tags such as B-PER and O. Got {wrong}."
        )


def test_fields_are_named_by_what_they_hold():
    record = {"body": "Ada left", "text": "x", "stars": 5, "name": "a"}
    notes = Notes()
    columns = ["text=body", "label=stars", "id=name"]
    (sentence,) = read(record, columns=columns, notes=notes)
    assert (sentence.text, sentence.labels, sentence.id) == ("Ada left", ("5",), "a")
    assert notes.ignored == {"fields 'text'": 1}
    (sentence,) = read({"w": ["Ada", "left"], "t": ["B-X", "O"]}, columns=["tokens=w", "tags=t"])
    assert sentence.spans == ((0, 1, "X"),)
    read({"body": "a"}, columns=columns, notes=notes)
    assert notes.ignored["records without 'stars'"] == 1
    message = error_line(lambda: read({"text": "a"}, columns=columns))
    assert message == "x.jsonl:1: body: must be the field of the text. Got ['text']."


def test_tags_and_labels_to_learn_may_have_any_name():
    tokens = {"tokens": ["Ada", "left"]}
    assert read({**tokens, "gold": ["B-X", "O"]}, tags="gold")[0].spans == ((0, 1, "X"),)
    (sentence,) = read({**tokens, "labels": ["PROPN", "VERB"]}, target="labels")
    assert (sentence.columns["labels"], sentence.labels) == (("PROPN", "VERB"), None)
    notes = Notes()
    assert read(tokens, tags="gold", notes=notes)[0].spans is None
    assert notes.ignored == {"records without 'gold'": 1}


def test_offsets_of_tokens_and_spans_count_the_same():
    record = {"text": "😀 Ada", "tokens": [[0, 2], [3, 6]], "spans": [[3, 6, "PER"]]}
    (sentence,) = read(record, offsets="utf16")
    assert (sentence.tokens, sentence.spans) == (("😀", "Ada"), ((1, 2, "PER"),))


def test_tokens_are_split_at_spans_unless_columns_count_them():
    record = {"text": "non-Berlin", "spans": [[4, 10, "LOC"]]}
    (sentence,) = read(record, misaligned="split")
    assert (sentence.tokens, sentence.spans) == (("non-", "Berlin"), ((1, 2, "LOC"),))
    given = {**record, "tokens": [[0, 10]]}
    assert read(given, misaligned="split")[0].tokens == ("non-", "Berlin")
    message = error_line(lambda: read({**given, "columns": {"pos": ["N"]}}, misaligned="split"))
    assert message == (
        "x.jsonl:1: tokens: must not be split if columns have a value for each of them."
    )


def test_labels_that_are_none_do_not_make_partial_annotation_whole():
    record = {"tokens": ["Ada"], "allowed": ["?"], "labels": []}
    assert read(record)[0].allowed == ((),)
    sentence = Sentence(["Ada"], labels=[])
    assert read(json.loads(next(write_jsonl([sentence]))))[0].spans is None
