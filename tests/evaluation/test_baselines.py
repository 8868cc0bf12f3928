import pytest

from ner.data.schemes import Span
from ner.data.sentence import Sentence
from ner.evaluation.baselines import NameDictionary


def sentence(text, *spans):
    return Sentence(text.split(), spans=[Span(*span) for span in spans])


def predicted(names, text):
    return names.tag(Sentence(text.split())).prediction


def test_names_seen_in_training_are_found_and_others_are_not():
    names = NameDictionary([sentence("Ada went to Rome", (0, 1, "PER"), (3, 4, "LOC"))])
    assert predicted(names, "Rome saw Ada and Bob").spans == (Span(0, 1, "LOC"), Span(2, 3, "PER"))


def test_the_longest_name_wins_and_the_search_goes_on_behind_it():
    names = NameDictionary(
        [
            sentence("New York Times", (0, 3, "ORG")),
            sentence("New York", (0, 2, "LOC")),
            sentence("York", (0, 1, "LOC")),
        ]
    )
    spans = predicted(names, "New York Times New York New York").spans
    assert spans == (Span(0, 3, "ORG"), Span(3, 5, "LOC"), Span(5, 7, "LOC"))
    assert predicted(names, "New").spans == ()
    assert predicted(names, "New Times York").spans == (Span(2, 3, "LOC"),)
    assert len(names) == 3


def test_a_names_most_frequent_label_wins_with_its_share_as_score():
    train = [sentence("Paris", (0, 1, label)) for label in ("PER", "LOC", "LOC", "ORG")]
    prediction = predicted(NameDictionary(train), "Paris")
    assert (prediction.spans, prediction.scores) == ((Span(0, 1, "LOC"),), (0.5,))


def test_equally_frequent_labels_are_settled_by_the_alphabet():
    train = [sentence("Paris", (0, 1, label)) for label in ("PER", "LOC")]
    assert predicted(NameDictionary(train), "Paris").spans == (Span(0, 1, "LOC"),)


@pytest.mark.parametrize(
    "train",
    [[], [Sentence(["Paris"])], [sentence("Paris")]],
    ids=["no sentences", "no annotation", "no names"],
)
def test_without_names_nothing_is_found(train):
    assert predicted(NameDictionary(train), "Paris").spans == ()


def test_everything_else_of_a_sentence_stays():
    gold = sentence("Paris", (0, 1, "LOC")).replace(id="7")
    tagged = NameDictionary([gold]).tag(gold)
    assert tagged.replace(prediction=None) == gold
    assert NameDictionary([gold]).tag(Sentence([])).prediction.spans == ()
