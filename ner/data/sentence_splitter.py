"""Find the sentences of a raw text, cut a tokenized text into them, and join it again."""

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice

from ner.data.lines import replace_surrogates
from ner.data.schemes import Span
from ner.data.sentence import PredictedSentence, Prediction, Sentence
from ner.errors import ConfigError
from ner.extras import require

LINE_BREAK = r"\r\n|[\n\v\f\r\x1c-\x1e\x85\u2028\u2029]"

# A line break and all white space after it.
GAP = re.compile(rf"(?>{LINE_BREAK})\s*+")
ONE_BREAK = re.compile(LINE_BREAK)
LANGUAGE = re.compile("[a-z]{2,3}")

# The number of characters that the library gets at once. For some texts, such as a text of opening
# quotes, its time grows with the square of their length.
WINDOW = 4000

# The text after the end of a window can change the last borders in it. Borders in the last part of
# a window, of this length, are found again in the next window.
MARGIN = 500

# Returns the places in a text where its sentences begin, except the first.
FindStarts = Callable[[str], Sequence[int]]


class SentenceSplitter:
    r"""Finds where the sentences of a text begin.

    The rules are those of the library sentencex: the abbreviations, numbers and quotes of one
    language, and the full stops of all scripts. A language that it does not know gets the rules of
    a related language, or those of English.

    Args:
        language: The ISO 639 code of the text's language, such as "en", "de" or "zh".
        lines: Whether every line break ends a sentence. Otherwise only blank lines do, as suits
            hard-wrapped text.

    Raises:
        ConfigError: `language` is not the code of a language.
        MissingExtraError: sentencex is not installed.

    >>> SentenceSplitter()("Mr. Smith left. Did he?\nYes")
    [16, 24]
    """

    def __init__(self, language: str = "en", *, lines: bool = True) -> None:
        if not LANGUAGE.fullmatch(language):
            raise ConfigError(
                "language: must be two or three small letters, as in ISO 639, such as en. "
                f"Got {language!r}."
            )
        self.language = language
        self.lines = lines
        library = require("sentencex", "Splitting sentences", "sentences")
        self._boundaries = library.get_sentence_boundaries

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.language!r}, lines={self.lines})"

    def __call__(self, text: str) -> list[int]:
        """Return the places in `text`, ascending, where its sentences begin, except the first.

        A sentence reaches from one place to the next, with the white space after it: nothing is
        lost. Time grows no faster than the text.
        """
        text = replace_surrogates(text)
        first, last = len(text) - len(text.lstrip()), len(text.rstrip())
        starts: list[int] = []
        begin = first
        for gap in GAP.finditer(text, first, last):
            if self.lines or len(ONE_BREAK.findall(gap.group())) > 1:
                starts.extend(self._within(text, begin, gap.start()))
                begin = gap.end()
                starts.append(begin)
        starts.extend(self._within(text, begin, last))
        return starts

    def _within(self, text: str, begin: int, end: int) -> Iterator[int]:
        """Yield the starts after `begin` and before `end`, window by window."""
        while begin < end:
            window_end = min(begin + WINDOW, end)
            limit = end if window_end == end else window_end - MARGIN
            found = self._boundaries(self.language, text[begin:window_end])
            starts = [begin + sentence["end_index"] for sentence in found]
            starts = [start for start in starts if start < limit]
            yield from starts
            if limit == end:
                return
            # The next window begins at the last sentence, or at a blank in the middle if that
            # sentence is too long.
            middle = begin + WINDOW // 2
            after_blank = text.find(" ", middle, limit) + 1
            begin = starts[-1] if starts and starts[-1] > middle else after_blank or middle


def cut_sentence(
    sentence: Sentence, starts: Iterable[int], whole: Iterable[Span] = ()
) -> list[Sentence]:
    """Cut a tokenized text into sentences.

    Tokens, gold spans and the spans in `whole` are never cut: a start inside one of them is
    ignored. Every token is in exactly one sentence, in order. The sentences have neither the labels
    nor the prediction of the text. A text without tokens becomes one sentence.

    Args:
        sentence: The text, with its tokens.
        starts: The places in the text where sentences begin, ascending.
        whole: Other spans of tokens to keep whole.
    """
    places = [start for start, _ in sentence.offsets]
    inside = {i for s in (*(sentence.spans or ()), *whole) for i in range(s.start + 1, s.end)}
    firsts = [0]
    for start in starts:
        first = bisect_left(places, start)
        reached = sentence.offsets[first - 1][1] if first else 0
        if firsts[-1] < first < len(sentence) and reached <= start and first not in inside:
            firsts.append(first)
    ends = [*firsts[1:], len(sentence)]
    if len(firsts) == 1:
        return [sentence.replace(labels=None, prediction=None)]
    return [_slice(sentence, first, end) for first, end in zip(firsts, ends, strict=True)]


def _slice(sentence: Sentence, first: int, end: int) -> Sentence:
    offsets = sentence.offsets[first:end]
    begin = offsets[0][0]
    spans, allowed = sentence.spans, sentence.allowed
    if spans is not None:
        spans = [shift_span(s, -first) for s in spans if first <= s.start < end]
    return sentence.replace(
        tokens=sentence.tokens[first:end],
        text=sentence.text[begin : offsets[-1][1]],
        offsets=[(start - begin, stop - begin) for start, stop in offsets],
        columns={name: values[first:end] for name, values in sentence.columns.items()},
        spans=spans,
        allowed=None if allowed is None else allowed[first:end],
        labels=None,
        prediction=None,
    )


def join_predictions(text: Sentence, sentences: Iterable[Sentence]) -> PredictedSentence:
    """Return the text with the predictions of the sentences into which it was cut.

    Raises:
        ValueError: The sentences have another number of tokens than the text, or no prediction.
    """
    spans: list[Span] | None = None
    scores: list[float] = []
    columns: defaultdict[str, list[str]] = defaultdict(list)
    column_scores: defaultdict[str, list[float]] = defaultdict(list)
    first = 0
    for sentence in sentences:
        predicted = sentence.prediction
        if predicted is None:
            raise ValueError("sentences: each must have a prediction. Got one without.")
        if predicted.spans is not None:
            moved = [shift_span(span, first) for span in predicted.spans]
            spans = [*(spans or ()), *moved]
        scores.extend(predicted.scores)
        for name, values in predicted.columns.items():
            columns[name].extend(values)
            column_scores[name].extend(predicted.column_scores[name])
        first += len(sentence)
    if first != len(text):
        raise ValueError(f"sentences: must have {len(text)} tokens in all. Got {first}.")
    return text.predicted(
        Prediction(
            None if spans is None else tuple(spans),
            tuple(scores),
            columns={name: tuple(values) for name, values in columns.items()},
            column_scores={name: tuple(values) for name, values in column_scores.items()},
        )
    )


def shift_span(span: Span, by: int) -> Span:
    """Move a span by a number of tokens."""
    return Span(span.start + by, span.end + by, span.label)


def join_texts(
    cut: Iterable[tuple[Sentence, Sequence[Sentence]]], tagged: Iterable[Sentence]
) -> list[PredictedSentence]:
    """Return whole texts with the predictions of their sentences.

    Args:
        cut: The tokenized texts, each with its sentences.
        tagged: The sentences of all texts with their predictions, in order.
    """
    stream = iter(tagged)
    return [join_predictions(text, islice(stream, len(sentences))) for text, sentences in cut]
