"""Labels of tokens and of texts become spans, so that their errors are listed as those of spans."""

import pytest

from ner.data.schemes import Span
from ner.data.sentence import Prediction, Sentence
from ner.errors import TaskError
from ner.evaluation.errors import span_errors
from ner.tasks.spans import SpanTask
from ner.tasks.texts import TextTask
from ner.tasks.tokens import TokenTask
from tests.evaluation.error_pages import Page, page_of_task

TOKENS = ["Ada", "runs", "home"]


def test_spans_stay_as_they_are():
    sentences = [Sentence(TOKENS, spans=[Span(0, 1, "PER")])]
    assert SpanTask(("O",), "BIO").with_spans(sentences) == sentences


def labelled():
    """Return gold labels of tokens, and a prediction with one wrong label of three."""
    gold = Sentence(TOKENS, columns={"pos": ("PROPN", "VERB", "ADV")})
    columns = {"pos": ("PROPN", "VERB", "NOUN")}
    return gold, gold.predicted(Prediction(columns=columns, column_scores={"pos": (0.9, 0.8, 0.7)}))


def test_a_token_with_a_wrong_label_is_an_error_of_type():
    task = TokenTask("pos", ("ADV", "NOUN", "PROPN", "VERB"))
    (error,) = span_errors(*(task.with_spans([sentence]) for sentence in labelled()))
    assert (error.error_class, error.confusion) == ("type", ("ADV", "NOUN"))
    assert (error.gold, error.score) == ((Span(2, 3, "ADV"),), 0.7)


def classified(gold, found, text=TOKENS):
    sentence = Sentence(text, labels=[gold])
    shares = {"sport": 0.25, "news": 0.75}
    return sentence, sentence.predicted(Prediction(labels=(found,), probabilities=shares))


def test_a_text_with_a_wrong_label_is_an_error_of_type():
    task = TextTask(("news", "sport"))
    pairs = [classified("sport", "news"), classified("news", "news")]
    gold, predicted = (task.with_spans(side) for side in zip(*pairs, strict=True))
    (error,) = span_errors(gold, predicted)
    assert (error.error_class, error.confusion) == ("type", ("sport", "news"))
    assert (error.gold, error.score) == ((Span(0, 3, "sport"),), 0.75)


def test_an_empty_text_has_no_spans():
    (sentence,) = TextTask(("news", "sport")).with_spans([Sentence([], labels=["news"])])
    assert sentence.spans == ()


def test_texts_with_several_labels_are_refused():
    with pytest.raises(TaskError, match=r"^error report: the model must give each text one label"):
        TextTask(("a", "b"), multi_label=True).with_spans([])


def test_labels_of_tokens_and_texts_have_pages():
    page = Page(page_of_task(TokenTask("pos", ()), [labelled()]))
    assert page.said("dd")[0] == "66.67"
    assert page.rows("Tokens by gold label (row) and predicted label")[1][:3] == ["ADV", "0", "1"]
    assert [item["data-confusion"] for item in page.all("li", "error")] == ["ADV as NOUN"]
    page = Page(page_of_task(TextTask(("news", "sport")), [classified("sport", "news")]))
    assert page.said("dd")[0] == "0.00"
    assert page.rows("Sentences by gold label (row) and predicted label")[2] == ["sport", "1", "0"]
    (item,) = page.said("li", "error")
    assert item.startswith("type score 0.750 sentence 1 Gold Ada runs homesport")
