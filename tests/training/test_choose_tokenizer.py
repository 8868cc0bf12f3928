"""The tokenizer of a model cuts raw text as its training data are cut."""

import pytest

import ner
from ner.data.sentence import Sentence
from ner.data.tokenizer import Tokenizer
from ner.errors import ConfigError
from ner.training.choose_tokenizer import choose_tokenizer
from tests.training.test_train import tiny_run

CHINESE = [*"阿达生于1815年，MBA。"]
NUMBERED = [f"{c}{i % 3}" for i, c in enumerate(CHINESE)]


def corpus(tokens, count=6):
    return [Sentence(tokens, spans=[(0, 2, "PER")])] * count


def chosen(rules, tokens, start=None):
    notes = []
    tokenizer, value = choose_tokenizer(rules, corpus(tokens), notes.append, start)
    return tokenizer.rules, round(value, 2), notes


def test_characters_are_chosen_with_a_line():
    assert chosen("auto", CHINESE) == (
        "character",
        1.0,
        [
            "The training data are cut by characters, and raw text will be, too "
            "(data.tokenizer: character)."
        ],
    )


def test_words_are_chosen_in_silence():
    assert chosen("auto", ["Ada", "left", "."]) == ("conll", 1.0, [])
    assert chosen("ud", ["two", "-", "day"]) == ("ud", 1.0, [])


@pytest.mark.parametrize(
    ("rules", "tokens", "way_out"),
    [
        ("conll", CHINESE, "Set data.tokenizer to 'character', which agrees to 100.0 %."),
        ("auto", NUMBERED, "Give the model tokens, in CoNLL files or with tag_tokens()."),
    ],
    ids=["other rules", "no rules"],
)
def test_low_agreement_is_one_warning(rules, tokens, way_out):
    _, value, (note,) = chosen(rules, tokens)
    assert value < 0.9
    assert note.startswith("Warning: raw text is cut into other tokens than the training data ")
    assert note.endswith(way_out)


def test_a_model_that_trains_on_keeps_its_tokenizer():
    rules, value, (note,) = chosen("auto", CHINESE, Tokenizer("ud"))
    assert (rules, value < 0.9) == ("ud", True)
    assert "Give the model tokens" in note


@pytest.mark.parametrize("storage", ["memory", "disk"])
def test_a_model_cuts_raw_text_as_its_corpus_is_cut(tmp_path, storage):
    rows = "".join(f"{c} {'B-PER' if c == '阿' else 'O'}\n" for c in CHINESE)
    for name in ("train", "dev"):
        (tmp_path / f"{name}.conll").write_text(f"{rows}\n" * 4, encoding="utf-8")
    files = {name: tmp_path / f"{name}.conll" for name in ("train", "dev")}
    tiny_run(tmp_path / "run", epochs=1, data={"storage": storage}, **files)
    model = ner.load(tmp_path / "run" / "model")
    assert model.record["tokenizer"] == {"rules": "character", "agreement": 1.0}
    doc = model.tag("".join(CHINESE))
    assert [*doc.tokens] == CHINESE
    assert [doc.text[start:end] for start, end in doc.offsets] == CHINESE

    # A model that trains on keeps its rules, and other rules are refused.
    tiny_run(tmp_path / "more", epochs=1, init=tmp_path / "run" / "model", **files)
    assert ner.load(tmp_path / "more" / "model").tokenizer.rules == "character"
    with pytest.raises(ConfigError, match=r"^data\.tokenizer: comes from .*: character\. Got ud"):
        tiny_run(
            tmp_path / "other",
            epochs=1,
            init=tmp_path / "run" / "model",
            data={"tokenizer": "ud"},
            **files,
        )
