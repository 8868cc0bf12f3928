import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ner.data.schemes import Span
from ner.data.sentence import Prediction, Sentence
from ner.errors import ConfigError
from ner.evaluation.resampling import f1_scores
from ner.evaluation.scores import NONE
from ner.evaluation.span_metrics import f1
from ner.evaluation.unit_counts import choose_unit, count_units
from ner.tasks import SpanTask, TextTask, TokenTask

SPAN = st.builds(Span, st.integers(0, 3), st.integers(4, 6), st.sampled_from(["LOC", "PER"]))
SPANS = st.lists(st.tuples(st.sets(SPAN), st.sets(SPAN)), max_size=6)
GOLD = [[Span(0, 2, "LOC"), Span(3, 4, "PER")], [], [Span(0, 1, "PER")]]
FOUND = [[Span(0, 2, "LOC"), Span(3, 4, "LOC")], [Span(1, 2, "PER")], []]


def test_each_sentence_has_its_counts_by_label():
    counts = count_units(GOLD, FOUND)
    assert (counts.unit, counts.labels) == ("sentence", ("LOC", "PER"))
    assert counts.counts.tolist() == [
        [[1, 2, 1], [0, 0, 1]],
        [[0, 0, 0], [0, 1, 0]],
        [[0, 0, 0], [0, 0, 1]],
    ]
    assert counts.totals.tolist() == [[1, 2, 2], [0, 1, 0], [0, 0, 1]]


def test_documents_are_counted_together_wherever_their_sentences_are():
    counts = count_units(GOLD, FOUND, ["a", "b", "a"])
    assert counts.unit == "document"
    assert counts.totals.tolist() == [[1, 2, 3], [0, 1, 0]]


@given(SPANS)
def test_the_sums_of_units_have_the_f1_of_all_spans(pairs):
    gold, found = [one for one, _ in pairs], [other for _, other in pairs]
    totals = count_units(gold, found).totals.sum(axis=0)
    assert f1_scores(totals) == pytest.approx(f1(gold, found))


@pytest.mark.parametrize(
    ("documents", "unit"),
    [
        pytest.param([], "sentence", id="no documents"),
        pytest.param([None, None], "sentence", id="all unknown"),
        pytest.param(["a", "a"], "sentence", id="one document"),
        pytest.param(["a", "b"], "document", id="two documents"),
        pytest.param([None, "a"], "document", id="a column file without its first boundary"),
        pytest.param(["a", None, "b"], "sentence", id="a sentence of no document"),
    ],
)
def test_documents_are_the_unit_where_the_corpus_has_them(documents, unit):
    assert choose_unit(documents) == unit
    assert choose_unit(documents, "sentence") == "sentence"


@pytest.mark.parametrize("documents", [[None], ["a", None]], ids=["none", "some"])
def test_documents_of_a_corpus_without_them_are_refused(documents):
    with pytest.raises(ConfigError, match=r"^unit: documents need a corpus in which every"):
        choose_unit(documents, "document")


def test_an_unknown_unit_is_refused():
    with pytest.raises(ConfigError, match=r"^unit: must be one of sentence, document. Got 'word'"):
        choose_unit([], "word")


def test_the_labels_of_tokens_have_the_accuracy_as_f1():
    gold = [Sentence(["a", "b", "c"], columns={"upos": ("X", "Y", "X")})]
    found = [gold[0].predicted(Prediction(columns={"upos": ("X", "Y", "Y")}))]
    task = TokenTask("upos", ("X", "Y"))
    counts = task.count_units(gold, found)
    assert counts.metric == "accuracy"
    assert f1_scores(counts.totals.sum(axis=0)) == task.score(gold, found) == 2 / 3


def test_a_text_without_a_predicted_label_counts_as_wrong():
    gold = [Sentence(["a"], labels=("X",)), Sentence(["b"], labels=("Y",))]
    found = [gold[0].predicted(Prediction(labels=("X",))), gold[1].predicted(Prediction(labels=()))]
    task = TextTask(("X", "Y"))
    counts = task.count_units(gold, found)
    assert counts.labels == (NONE, "X", "Y")
    assert [counts.labels[i] for i in counts.scored] == ["X", "Y"]
    assert f1_scores(counts.totals.sum(axis=0)) == task.score(gold, found) == 1 / 2


def test_texts_with_several_labels_have_f1_over_labels():
    gold = [Sentence(["a"], labels=("X", "Y")), Sentence(["b"], labels=())]
    found = [gold[0].predicted(Prediction(labels=("X",))), gold[1].predicted(Prediction(labels=()))]
    task = TextTask(("X", "Y"), multi_label=True)
    totals = task.count_units(gold, found).totals
    assert totals.tolist() == [[1, 1, 2], [0, 0, 0]]
    assert f1_scores(totals.sum(axis=0)) == task.score(gold, found) == 2 / 3


def test_spans_of_sentences_are_counted_by_document():
    gold = [Sentence(["a"], spans=[(0, 1, "LOC")], document=name) for name in "xyx"]
    found = [s.predicted(Prediction(s.spans, (1.0,))) for s in gold]
    task = SpanTask(("O", "B-LOC"), "BIO")
    assert np.array_equal(task.count_units(gold, found).totals, [[2, 2, 2], [1, 1, 1]])
    assert len(task.count_units(gold, found, "sentence").totals) == 3
