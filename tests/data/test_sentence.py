import dataclasses
import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

import ner.data.sentence
from ner.data.schemes import Span
from ner.data.sentence import (
    Entity,
    PredictedEntity,
    PredictedSentence,
    Prediction,
    Sentence,
    Source,
    joined_offsets,
)


def test_examples_in_docstrings():
    assert doctest.testmod(ner.data.sentence).failed == 0


@given(st.lists(st.text(min_size=1)))
def test_joined_tokens_lie_where_their_offsets_say(tokens):
    sentence = Sentence(tokens)
    assert sentence.text == " ".join(tokens)
    assert sentence.offsets == joined_offsets(tokens)
    assert [sentence.text[start:end] for start, end in sentence.offsets] == tokens


def test_an_entity_is_the_text_between_its_ends():
    text = "New  York, twice"
    sentence = Sentence(
        ["New", "York", ",", "twice"],
        text=text,
        offsets=[(0, 3), (5, 9), (9, 10), (11, 16)],
        spans=[(0, 2, "LOC")],
    )
    assert sentence.entities == (Entity("New  York", "LOC", 0, 9),)


def test_a_sentence_with_a_prediction_has_a_class_of_its_own():
    sentence = Sentence(["Ada", "left"], spans=[Span(0, 1, "PER")])
    predicted = sentence.predicted(Prediction(columns={"upos": ("PROPN", "VERB")}))
    assert type(predicted) is type(predicted.replace(id="1")) is PredictedSentence
    assert predicted == sentence.replace(prediction=predicted.prediction)
    assert predicted.replace(prediction=None) == sentence
    # This model looked for no entities; those that are known otherwise are gold.
    assert predicted.entities == ()
    assert predicted.found_entities == (Entity("Ada", "PER", 0, 3),)


def test_predicted_entities_come_before_gold_ones():
    sentence = Sentence(["Ada", "left"], spans=[Span(0, 1, "LOC")])
    predicted = sentence.replace(prediction=Prediction((Span(0, 1, "PER"),), (0.75,)))
    assert predicted.entities == (PredictedEntity("Ada", "PER", 0, 3, 0.75),)
    assert predicted.found_entities == predicted.entities
    assert sentence.replace(prediction=Prediction((), ())).entities == ()


def test_a_sentence_without_annotation_differs_from_one_without_entities():
    assert Sentence(["a"]).spans is None
    assert Sentence(["a"], spans=[]).spans == ()


def test_a_sentence_cannot_be_changed():
    sentence = Sentence(["a"])
    with pytest.raises(dataclasses.FrozenInstanceError):
        sentence.tokens = ()
    assert isinstance(sentence.tokens, tuple)
    assert isinstance(sentence.replace(labels=["x"]).labels, tuple)


def test_a_source_reads_as_file_and_line():
    assert str(Source("train.txt", 12)) == "train.txt:12"


@pytest.mark.parametrize(
    "spans",
    [[(0, 3, "X")], [(1, 1, "X")], [(-1, 1, "X")], [(0, 2, "X"), (1, 2, "Y")]],
    ids=["too long", "empty", "before the start", "overlap"],
)
def test_spans_that_overlap_or_leave_the_sentence_are_refused(spans):
    with pytest.raises(ValueError, match="spans: must be inside the sentence, not empty, and"):
        Sentence(["a", "b"], spans=spans)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(
            {"tokens": "a b"},
            "tokens: must be a list of strings. Got 'a b'.",
            id="a string of tokens",
        ),
        pytest.param(
            {"tokens": ["a"], "text": "a"},
            "offsets: must be a range for each token. Got 0 for 1 tokens",
            id="a text without offsets",
        ),
        pytest.param(
            {"tokens": ["a"], "columns": {"pos": ()}},
            "columns: must have a value for each token. Got 0 in 'pos'",
            id="a column too short",
        ),
    ],
)
def test_what_does_not_fit_together_is_refused(arguments, message):
    with pytest.raises((TypeError, ValueError)) as error:
        Sentence(**arguments)
    assert message in str(error.value)
