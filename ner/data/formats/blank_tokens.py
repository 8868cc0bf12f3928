"""Tokens of white space, which annotation tools have between lines, and files without them."""

import dataclasses
from collections.abc import Sequence
from itertools import accumulate
from typing import TypeVar

from ner.data.schemes import Span
from ner.data.sentence import Sentence

Value = TypeVar("Value")
WHITE_SPACE = " \t\n\r"


def without_blank_tokens(sentence: Sentence) -> Sentence:
    r"""Return a sentence without the tokens of blanks, tabs and line breaks alone.

    The text stays as it is. Spans lose these tokens, too; one that has no others is left out.

    >>> without_blank_tokens(Sentence(["Ada", "\n", "left"], spans=[(0, 2, "PER")])).spans
    (Span(start=0, end=1, label='PER'),)
    """
    if not any(map(str.isspace, sentence.tokens)):  # as nearly always
        return sentence
    is_kept = [token.strip(WHITE_SPACE) != "" for token in sentence.tokens]
    if all(is_kept):
        return sentence
    # The number of tokens that are kept before each one, and before the end.
    places = [0, *accumulate(is_kept)]

    def kept(values: Sequence[Value]) -> tuple[Value, ...]:
        return tuple(value for value, stays in zip(values, is_kept, strict=True) if stays)

    def moved(spans: Sequence[Span]) -> list[Span]:
        return [Span(places[start], places[end], label) for start, end, label in spans]

    def filled(spans: Sequence[Span] | None) -> list[Span] | None:
        return None if spans is None else [span for span in moved(spans) if span.start < span.end]

    prediction = sentence.prediction
    if prediction is not None:
        scored = zip(moved(prediction.spans or ()), prediction.scores, strict=True)
        prediction = dataclasses.replace(
            prediction,
            spans=filled(prediction.spans),
            scores=[score for span, score in scored if span.start < span.end],
            columns={name: kept(values) for name, values in prediction.columns.items()},
            column_scores={name: kept(values) for name, values in prediction.column_scores.items()},
            attention=tuple(kept(head) for head in prediction.attention),
        )
    return sentence.replace(
        tokens=kept(sentence.tokens),
        offsets=kept(sentence.offsets),
        columns={name: kept(values) for name, values in sentence.columns.items()},
        spans=filled(sentence.spans),
        allowed=None if sentence.allowed is None else kept(sentence.allowed),
        prediction=prediction,
    )
