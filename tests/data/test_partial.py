import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ner.data.formats.conll import read_conll, write_conll
from ner.data.formats.jsonl import read_jsonl, write_jsonl
from ner.data.partial import allowed_from_tags, allowed_table, normalize_partial
from ner.data.schemes import PREFIXES, is_legal, spans_from_tags, tag_set, tags_from_spans
from ner.errors import DataError

LABELS = ("X", "Y")
FILE_TAGS = ["O", *(f"{prefix}-{label}" for prefix in "BIES" for label in LABELS)]


def legal_paths(table, tags, scheme):
    for path in itertools.product(*(np.flatnonzero(row) for row in table)):
        names = [tags[i] for i in path]
        if all(is_legal(a, b, scheme) for a, b in itertools.pairwise(("O", *names, "O"))):
            yield tuple(names)


@pytest.mark.parametrize("scheme", ["BIO", "BIOES"])
@given(data=st.data())
def test_unknown_tags_allow_just_the_readings_that_fit(scheme, data):
    """Every way to fill in the unknown tags, read by the rule for whole files, is allowed."""
    given_tags = data.draw(st.lists(st.sampled_from([*FILE_TAGS, "?"]), min_size=1, max_size=4))
    tags = tag_set(LABELS, scheme)
    fillings = itertools.product(*(FILE_TAGS if t == "?" else [t] for t in given_tags))
    expected = {tuple(tags_from_spans(spans_from_tags(f), len(f), scheme)) for f in fillings}
    table = allowed_table(allowed_from_tags(given_tags), tags, scheme)
    assert expected <= set(legal_paths(table, tags, scheme))


@pytest.mark.parametrize("scheme", ["BIO", "BIOES"])
@given(tags=st.lists(st.sampled_from(tag_set(LABELS, "BIOES")), min_size=1, max_size=5))
def test_known_tags_allow_just_their_reading(scheme, tags):
    spans = spans_from_tags(tags)
    spelt = tags_from_spans(spans, len(tags), scheme)
    names = tag_set(LABELS, scheme)
    table = allowed_table(allowed_from_tags(spelt), names, scheme)
    paths = list(legal_paths(table, names, scheme))
    assert tuple(spelt) in paths
    assert all(spans_from_tags(path)[: len(spans)] == spans for path in paths[:1])


def test_several_tags_are_read_from_a_column_file_and_written():
    lines = [b"Ada B-PER|B-ORG\n", b"met ?\n", b"Bo U-PER\n", b"\n", b"Rome B-LOC\n"]
    partial, whole = read_conll(lines, "x.conll")
    assert partial.allowed == (("B-PER", "B-ORG"), (), ("S-PER",))
    assert partial.spans is None
    assert whole.allowed is None
    assert list(write_conll([partial]))[:3] == ["Ada\tB-PER|B-ORG", "met\t?", "Bo\tS-PER"]


def test_a_bad_tag_among_several_is_an_error():
    with pytest.raises(DataError, match=r"x:1: a tag must be O or a prefix .* Got 'B-PER\|ORG'"):
        list(read_conll([b"Ada B-PER|ORG\n"], "x"))


def test_partial_json_lines_leave_the_rest_unknown():
    span = b'{"start": 0, "end": 12, "label": "PER"}'
    record = b'{"text": "Ada Lovelace met Bo", "partial": true, "spans": [' + span + b"]}"
    (sentence,) = read_jsonl([record], "x")
    assert sentence.allowed == (("B-PER",), ("E-PER",), (), ())
    assert sentence.spans is None


def test_partial_sentences_and_columns_survive_json_lines():
    lines = [b"Ada N B-PER|B-ORG\n", b"met V ?\n", b"Bo N O\n"]
    (sentence,) = read_conll(lines, "x", ("token", "pos", "ner"))
    (line,) = write_jsonl([sentence])
    (again,) = read_jsonl([line.encode()], "x")
    assert (again.allowed, again.columns) == (sentence.allowed, sentence.columns)


def test_partial_must_be_true_or_false():
    with pytest.raises(DataError, match=r"x:1: partial: must be true or false\. Got 1"):
        list(read_jsonl([b'{"text": "a", "partial": 1}'], "x"))


def test_tags_that_leave_no_legal_sequence_are_refused():
    with pytest.raises(ValueError, match="some sequence of the allowed tags must be legal"):
        allowed_table([("S-X", "B-X"), ("S-Z",)], tag_set(LABELS, "BIOES"), "BIOES")


def test_question_marks_stay_question_marks():
    assert normalize_partial("?") == "?"
    assert set(PREFIXES["BIOES"]) == set("BIES")
