import dataclasses
import typing

import pytest

import ner
from ner.data.formats.options import ROLES, ReadKeywords, ReadOptions
from ner.data.formats.read import read_sentences, stream_sentences
from ner.data.formats.registry import FORMATS
from ner.errors import ConfigError
from tests.data.corpora import write

ROWS = "Ada\tNNP\tB-PER\nleft\tVBD\tO\n"


@pytest.fixture
def rows(tmp_path):
    return write(tmp_path / "a.conll", ROWS)


def test_the_keywords_are_the_fields():
    fields = {field.name: field.type for field in dataclasses.fields(ReadOptions)}
    assert typing.get_type_hints(ReadKeywords) == fields


def test_each_field_is_explained_once():
    lines = [line.strip() for line in ReadOptions.__doc__.splitlines()]
    for field in dataclasses.fields(ReadOptions):
        assert sum(line.startswith(f"{field.name}: ") for line in lines) == 1


@pytest.mark.parametrize("read", [read_sentences, stream_sentences])
def test_a_corpus_is_read_with_options_keywords_or_both(rows, read):
    names = ["token", "pos", "ner"]
    (expected,) = read(rows, ReadOptions(columns=names))
    assert expected.columns.keys() == {"pos", "ner"}
    assert list(read(rows, columns=names)) == [expected]
    assert list(read(rows, ReadOptions(columns=["token", "a", "b"]), columns=names)) == [expected]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        pytest.param(
            {"colums": ["token"]}, "colums: unknown option. Did you mean 'columns'?", id="a typo"
        ),
        pytest.param({"xyz": 1}, "xyz: unknown option.", id="an unknown option"),
        pytest.param(
            {"misaligned": "snp"},
            "misaligned: must be one of refuse snap split drop. Got 'snp'. Did you mean 'snap'?",
            id="a mistyped choice",
        ),
        pytest.param(
            {"overlapping": None},
            "overlapping: must be one of refuse drop. Got None.",
            id="no choice",
        ),
        pytest.param(
            {"columns": "token ner"},
            "columns: must be a list of names. Got 'token ner'.",
            id="columns",
        ),
        pytest.param(
            {"format": "conl"}, "Got 'conl'. Did you mean 'conll'?", id="a mistyped format"
        ),
    ],
)
def test_a_wrong_option_is_named_with_what_it_got(rows, changes, message):
    with pytest.raises(ConfigError) as error:
        ner.read_sentences(rows, **changes)
    assert str(error.value).endswith(message)


def test_options_are_filled_only_where_they_are_open():
    options = ReadOptions(columns=["token"]).filled(columns=["word"], split="dev")
    assert (options.columns, options.split) == (["token"], "dev")


def test_labels_to_learn_take_the_place_of_entity_tags():
    assert ReadOptions().tag_column == "ner"
    assert ReadOptions(tags="chunk").tag_column == "chunk"
    assert ReadOptions(target="upos", tags="chunk").tag_column is None


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (["text=a", "label"], "columns: must be names alone, or each be what a column holds with "
                              "its name, as in text=review label=stars. Got 'text=a label'."),
        (["text=a", "text=b"], "columns: must be names alone, or each be"),
        (["txt=a"], "columns: a column holds one of text token tokens tags spans label sentence "
                    "id document. Got 'txt'. Did you mean 'text'?"),
    ],
    ids=["a role and a name", "a role twice", "no role"],
)  # fmt: skip
def test_columns_are_names_or_roles(columns, message):
    with pytest.raises(ConfigError) as error:
        ReadOptions(columns=columns)
    assert str(error.value).startswith(message)


SET = {"columns": ["a", "token"], "tags": "x", "label_separator": "|", "offsets": "utf16"}


@pytest.mark.parametrize("name", FORMATS)
def test_options_that_a_format_would_ignore_are_refused(name):
    one = FORMATS[name]
    for option in SET.keys() - one.options:
        with pytest.raises(ConfigError, match=f"^{option}: must not be set for {name}, which has"):
            one.check_options(ReadOptions(**{option: SET[option]}))
    for option in one.options:
        one.check_options(ReadOptions(**{option: SET[option]}))
    for role in ROLES:
        options = ReadOptions(columns=[f"{role}=x"])
        if role in one.roles:
            one.check_options(options)
        else:
            with pytest.raises(ConfigError, match=f"^columns: must not be set for {name}"):
                one.check_options(options)


def test_an_option_that_is_not_used_is_refused_in_reading(tmp_path):
    path = write(tmp_path / "a.jsonl", '{"text": "a"}\n')
    with pytest.raises(ConfigError, match=r"It may say what document id label .* as in text=NAME"):
        read_sentences(path, columns=["token", "ner"])
