"""More labels than there is memory for are refused before memory is asked for."""

import pytest

from ner.data.schemes import Span, tag_set
from ner.data.sentence import Sentence
from ner.errors import DataError
from ner.tasks.base import MOST_TAGS
from ner.tasks.spans import SpanTask
from ner.tasks.tokens import TokenTask

LABELS = [f"L{i}" for i in range(60_000)]
TAGS = tag_set(LABELS, "BIOES")


def test_training_refuses_more_types_than_a_table_of_steps_can_have():
    spans = [Sentence(["Ada"], spans=[Span(0, 1, label)]) for label in LABELS]
    with pytest.raises(DataError, match=r"^train: .* at most 8192 tags.* Got 240001, .* 429 GiB"):
        SpanTask(("O",), "BIOES").extended(spans)


def test_training_refuses_more_labels_of_tokens():
    tokens = [Sentence(["Ada"], columns={"pos": (label,)}) for label in LABELS]
    with pytest.raises(DataError, match=r"^train: .* Got 60000, whose scores would take 27 GiB"):
        TokenTask("pos", ()).extended(tokens)


def test_loading_refuses_them_too():
    with pytest.raises(DataError, match=r"^labels\.json: .* Got 240001,"):
        SpanTask.from_dict({"scheme": "BIOES", "tags": TAGS})
    with pytest.raises(DataError, match=r"^labels\.json: .* Got 60000,"):
        TokenTask.from_dict({"column": "pos", "labels": LABELS})


def test_as_many_as_allowed_are_learnt():
    labels = [f"L{i}" for i in range(MOST_TAGS)]
    tokens = [Sentence(["Ada"], columns={"pos": (label,)}) for label in labels]
    assert len(TokenTask("pos", ()).extended(tokens).outputs) == MOST_TAGS
