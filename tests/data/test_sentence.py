import copy
import dataclasses
import doctest
import json
import pickle

import numpy as np
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
from ner.errors import ConfigError, DataError


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


PREDICTION = Prediction(
    (Span(0, 1, "PER"),),
    (0.75,),
    probability=0.5,
    columns={"upos": ("PROPN", "VERB")},
    column_scores={"upos": (0.5, 1 / 3)},
    labels=("news",),
    probabilities={"news": 2 / 3, "sport": 1 / 3},
    attention=((0.25, 0.75),),
)
SENTENCES = {
    "tokens alone": Sentence(["Ada", "left"]),
    "none at all": Sentence([]),
    "no spans": Sentence(["Ada"], spans=[]),
    "gold": Sentence(
        ["Ada", "left"],
        text="Ada  left",
        offsets=[[0, 3], [5, 9]],
        columns={"pos": ["NNP", "VBD"]},
        spans=[(0, 1, "PER")],
        labels=["news"],
        id="7",
        document="d",
        source=Source("a.conll", 3),
    ),
    "partial": Sentence(["Ada", "left"], allowed=[["B-PER", "B-ORG"], []]),
    "half a pair": Sentence(["\ud83d", "\U0001f600"]),
    "nothing predicted": Sentence(["Ada"]).predicted(Prediction()),
    "all predicted": Sentence(["Ada", "left"], spans=[]).predicted(PREDICTION),
}
TRAVELS = {
    "pickle": lambda value: pickle.loads(pickle.dumps(value)),
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "dict": lambda value: type(value).from_dict(value.to_dict()),
    "json": lambda value: type(value).from_dict(json.loads(json.dumps(value.to_dict()))),
}


@pytest.mark.parametrize("travel", TRAVELS.values(), ids=TRAVELS)
@pytest.mark.parametrize("sentence", SENTENCES.values(), ids=SENTENCES)
def test_a_sentence_comes_back_from_wherever_it_went(sentence, travel):
    back = travel(sentence)
    assert (back, type(back), hash(back)) == (sentence, type(sentence), hash(sentence))
    # Lists equal no tuples, but they would make a difference in hashes and in types.
    assert back.__dict__.keys() == sentence.__dict__.keys()
    assert all(type(back.__dict__[name]) is type(v) for name, v in sentence.__dict__.items())


@pytest.mark.parametrize("travel", TRAVELS.values(), ids=TRAVELS)
@pytest.mark.parametrize(
    "result",
    [
        PREDICTION,
        Prediction((), ()),
        Entity("Ada", "PER", 0, 3),
        PredictedEntity("Ada", "PER", 0, 3, 1 / 3),
    ],
    ids=["prediction", "no spans", "entity", "predicted entity"],
)
def test_a_result_comes_back_from_wherever_it_went(result, travel):
    back = travel(result)
    assert (back, type(back), hash(back)) == (result, type(result), hash(result))


@pytest.mark.parametrize("sentence", SENTENCES.values(), ids=SENTENCES)
def test_a_sentence_becomes_json_by_the_standard_library_too(sentence):
    fields = dataclasses.asdict(sentence)
    assert json.loads(json.dumps(fields))["tokens"] == list(sentence.tokens)
    assert json.loads(json.dumps(sentence.to_dict())) == sentence.to_dict()


def test_a_dict_says_only_what_is_known():
    assert Sentence(["Ada"], spans=[]).to_dict() == {
        "tokens": ["Ada"],
        "text": "Ada",
        "offsets": [[0, 3]],
        "spans": [],
    }


def test_the_base_class_reads_dicts_of_both():
    for sentence in SENTENCES.values():
        assert type(Sentence.from_dict(sentence.to_dict())) is type(sentence)
    with pytest.raises(DataError, match=r"^prediction: must be there\. Got a sentence"):
        PredictedSentence.from_dict({"tokens": ["Ada"]})


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"tokenz": ["a"]}, "tokenz: unknown field of a Sentence. Did you mean 'tokens'?"),
        ({"tokens": "a b"}, "Sentence: tokens: must be a list of strings. Got 'a b'."),
        (
            {"tokens": ["a"], "prediction": {"span": []}},
            "span: unknown field of a Prediction. Did you mean 'spans'?",
        ),
    ],
    ids=["unknown", "a string of tokens", "unknown in the prediction"],
)
def test_a_dict_of_something_else_is_refused(facts, message):
    with pytest.raises(DataError) as error:
        Sentence.from_dict(facts)
    assert str(error.value) == message


def test_sentences_differ_in_everything_that_they_hold():
    sentences = [*SENTENCES.values(), SENTENCES["gold"].replace(columns={"pos": ("X", "VBD")})]
    assert len(set(sentences)) == len(sentences)
    assert {PREDICTION, Prediction()} != {PREDICTION, Prediction(())}


def test_lists_and_arrays_in_a_prediction_become_tuples_of_numbers():
    made = Prediction(
        [[0, 1, "PER"]],
        np.array([0.75], dtype=np.float32),
        0.5,
        {"upos": ["PROPN", "VERB"]},
        {"upos": np.array([0.5, 1 / 3])},
        ["news"],
        {"news": np.float64(2 / 3), "sport": 1 / 3},
        np.array([[0.25, 0.75]]),
    )
    assert made == PREDICTION
    assert hash(made) == hash(PREDICTION)
    assert json.dumps(made.to_dict()) == json.dumps(PREDICTION.to_dict())
    assert made.spans[0].label == "PER"


def test_columns_cannot_be_changed():
    given = {"pos": ["NNP"]}
    sentence = Sentence(["Ada"], columns=given)
    given["pos"][0] = "X"
    assert sentence.column("pos") == ("NNP",)
    with pytest.raises(TypeError, match="must not be changed"):
        sentence.columns["pos"] = ("X",)


@pytest.mark.parametrize(
    ("scheme", "tags"),
    [
        ("IOB1", ["I-A", "I-A", "B-A", "O", "I-B"]),
        ("BIO", ["B-A", "I-A", "B-A", "O", "B-B"]),
        ("IOB2", ["B-A", "I-A", "B-A", "O", "B-B"]),
        ("BIOES", ["B-A", "E-A", "S-A", "O", "S-B"]),
        ("BILOU", ["B-A", "L-A", "U-A", "O", "U-B"]),
        ("BMES", ["B-A", "E-A", "S-A", "O", "S-B"]),
    ],
    ids=["IOB1", "BIO", "IOB2", "BIOES", "BILOU", "BMES"],
)
def test_spans_become_tags_of_any_scheme(scheme, tags):
    spans = (Span(0, 2, "A"), Span(2, 3, "A"), Span(4, 5, "B"))
    gold = Sentence(["a", "b", "c", "d", "e"], spans=spans)
    assert gold.tags(scheme) == tags
    other = gold.replace(spans=())
    assert other.predicted(Prediction(spans, (0.5,) * 3)).tags(scheme) == tags
    assert other.tags(scheme) == ["O"] * 5


def test_tags_are_bio_by_default_and_partial_ones_stay():
    assert Sentence(["Ada"], spans=[(0, 1, "PER")]).tags() == ["B-PER"]
    assert SENTENCES["partial"].tags("BIOES") == ["B-PER|B-ORG", "?"]


def test_tags_need_spans_and_a_scheme():
    with pytest.raises(DataError, match=r"^a.txt:1: the sentence must have spans. Got none.$"):
        Sentence(["Ada"], source=Source("a.txt", 1)).tags()
    with pytest.raises(ConfigError) as error:
        Sentence(["Ada"], spans=[]).tags("BILUO")
    assert str(error.value) == (
        "scheme: must be one of IOB1, BIO, IOB2, BIOES, BILOU, BMES. Got 'BILUO'. "
        "Did you mean 'BILOU'?"
    )


@pytest.mark.parametrize(
    ("sentence", "shown"),
    [
        (SENTENCES["tokens alone"], "<Sentence 'Ada left': not annotated>"),
        (SENTENCES["no spans"], "<Sentence 'Ada': no entities>"),
        (SENTENCES["gold"], "<Sentence 'Ada  left': PER 'Ada'; label news>"),
        (SENTENCES["partial"], "<Sentence 'Ada left': partial annotation>"),
        (
            SENTENCES["all predicted"],
            "<PredictedSentence 'Ada left': PER 'Ada' 0.75; upos PROPN, VERB; label news 0.67>",
        ),
        (
            Sentence(["word"] * 1000, spans=[(i, i + 1, "X") for i in range(1000)]),
            f"<Sentence {repr('word ' * 12)[:57]}...: {', '.join(['X ' + repr('word')] * 5)} and "
            "995 more>",
        ),
        (
            Sentence(["a"]).predicted(Prediction(labels=())),
            "<PredictedSentence 'a': no labels>",
        ),
    ],
    ids=["plain", "no entities", "gold", "partial", "predicted", "long", "no labels"],
)
def test_a_sentence_is_shown_in_a_line(sentence, shown):
    assert repr(sentence) == shown


def test_a_prediction_shows_what_is_known():
    assert repr(Prediction((), ())) == "Prediction(spans=())"
    assert repr(Prediction(labels=())) == "Prediction(labels=())"
    shown = "Prediction(columns={'upos': ('X',)})"
    assert repr(Prediction(columns={"upos": ["X"]})) == shown


def test_an_item_of_a_list_is_a_place_without_a_line():
    assert str(Source("train[3]")) == "train[3]"


TAGGED = Sentence(["Ada", "left", "New", "York"]).predicted(
    Prediction([(0, 1, "PER"), (2, 4, "LOC")], [0.75, 0.5])
)


def test_entities_have_the_shape_of_gliner():
    assert TAGGED.entities_as("gliner") == [
        {"text": "Ada", "label": "PER", "start": 0, "end": 3, "score": 0.75},
        {"text": "New York", "label": "LOC", "start": 9, "end": 17, "score": 0.5},
    ]


def test_entities_have_the_shape_of_pipelines_of_transformers():
    found = TAGGED.entities_as("huggingface")
    assert found[1] == {
        "entity_group": "LOC",
        "score": 0.5,
        "word": "New York",
        "start": 9,
        "end": 17,
    }
    assert list(found[0]) == ["entity_group", "score", "word", "start", "end"]


def test_gold_entities_have_no_score_in_any_shape():
    gold = Sentence(["Ada"], spans=[(0, 1, "PER")])
    assert gold.entities_as("gliner") == [{"text": "Ada", "label": "PER", "start": 0, "end": 3}]
    assert Sentence(["Ada"]).entities_as("huggingface") == []


def test_an_unknown_shape_is_refused_with_a_suggestion():
    with pytest.raises(ConfigError) as error:
        TAGGED.entities_as("gliner2")
    assert str(error.value) == (
        "style: must be one of gliner, huggingface. Got 'gliner2'. Did you mean 'gliner'?"
    )


@pytest.mark.parametrize(
    ("score", "labels"),
    [(0, ["PER", "LOC"]), (0.5, ["PER", "LOC"]), (0.6, ["PER"]), (1, [])],
    ids=["zero", "the lowest", "between", "one"],
)
def test_entities_of_a_low_score_are_left_out(score, labels):
    kept = TAGGED.at_least(score)
    assert [entity.label for entity in kept.entities] == labels
    assert len(kept.prediction.scores) == len(labels)
    assert kept.text == TAGGED.text


def test_a_sentence_without_predicted_spans_has_no_low_scores():
    found = Sentence(["a"], spans=[(0, 1, "X")]).predicted(Prediction(labels=("A",)))
    assert found.at_least(1) is found


@pytest.mark.parametrize("score", [-0.1, 1.5, float("nan")], ids=["negative", "large", "nan"])
def test_a_score_is_a_probability(score):
    with pytest.raises(ConfigError, match=r"score: must be from 0 to 1\."):
        TAGGED.at_least(score)
