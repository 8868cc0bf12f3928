"""Use a model: text in, entities out."""

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ner.crf.span_lattice import SpanLattice
from ner.data.lines import short
from ner.data.schemes import Span
from ner.data.sentence import Entity, Prediction, Sentence
from ner.data.sentence_splitter import FindStarts, cut_sentence, join_predictions
from ner.errors import DataError
from ner.features.arrays import OutputArrays
from ner.inference.predictor import Predictor
from ner.tasks import SpanTask

# A labelled stretch of a text in characters, as (start, end, label) or as an entity.
Stretch = tuple[int, int, str] | Entity


class Tagger(Predictor[SpanTask]):
    """A model that finds labelled spans; made by `ner.load` or `ner.train`."""

    task_class = SpanTask

    @cached_property
    def lattice(self) -> SpanLattice:
        """The legal sequences of tags, and the learnt scores of their steps."""
        return self.task.lattice(self.runtime.edges)

    def tag(
        self,
        text: str,
        *,
        required: Sequence[Stretch] = (),
        forbidden: Sequence[Stretch] = (),
        split: FindStarts | None = None,
    ) -> Sentence:
        """Find the entities of a raw text of any length.

        Args:
            text: What to tag.
            required: Entities that the result contains, just as they are. They start and end at
                token borders.
            forbidden: Stretches that no entity of that label touches, whatever its borders.
            split: Finds the sentences of the text, such as a `ner.SentenceSplitter`: each is tagged
                by itself. By default the text is tagged as one.

        Returns:
            The text, its tokens, and the predicted `entities` with their character offsets. Under
            constraints their scores are probabilities among the results that obey, so a required
            entity has 1.

        Raises:
            DataError: No result can obey.
        """
        sentence = self.read(text)
        whole, barred = (token_spans(sentence, stretches) for stretches in (required, forbidden))
        if split is None:
            return self._tag(sentence, whole, barred)
        parts = cut_sentence(sentence, split(text), whole)
        if not (whole or barred):
            return join_predictions(sentence, self.tag_sentences(parts))
        tagged, first = [], 0
        for part in parts:
            place = Span(first, first + len(part), "")
            tagged.append(self._tag(part, spans_within(whole, place), spans_within(barred, place)))
            first = place.end
        return join_predictions(sentence, tagged)

    def tag_tokens(
        self,
        tokens: Sequence[str],
        *,
        required: Sequence[tuple[int, int, str]] = (),
        forbidden: Sequence[tuple[int, int, str]] = (),
    ) -> Sentence:
        """Find the entities of a text that is cut into tokens already.

        Offsets are those in the tokens joined by blanks. `required` and `forbidden` are those of
        `tag`, but as spans of tokens.
        """
        sentence = self.check_tokens(tokens)
        if not required and not forbidden:
            return self.tag_sentences([sentence])[0]
        spans = ([Span(*span) for span in given] for given in (required, forbidden))
        return self._tag(sentence, *spans)

    def nbest(self, text: str | Sentence, k: int = 5) -> list[Sentence]:
        """Find the `k` most probable taggings of a text, best first; fewer where there are fewer.

        The `prediction` of each has the `probability` of just this tagging. The scores of its
        spans are those of `tag`: over all taggings.
        """
        if k < 1:
            raise ValueError(f"k: at least 1. Got {k}.")
        sentence = text if isinstance(text, Sentence) else self.read(text)
        lattice = self.lattice

        def decode(outputs: OutputArrays, lengths: NDArray[np.int64]) -> list[list[Prediction]]:
            emissions = outputs["emissions"]
            (found,) = lattice.nbest(emissions, lengths, k)
            different = list(dict.fromkeys(span for spans, _ in found for span in spans))
            (posteriors,) = lattice.span_posteriors(emissions, lengths, [different])
            scores = dict(zip(different, posteriors, strict=True))
            return [[Prediction(s, tuple(scores[span] for span in s), p) for s, p in found]]

        (predictions,) = self.decoder.run([sentence], decode, [Prediction((), (), 1.0)])
        return [sentence.predicted(prediction) for prediction in predictions]

    def _tag(self, sentence: Sentence, required: list[Span], forbidden: list[Span]) -> Sentence:
        for _, _, label in (*required, *forbidden):
            if label not in self.labels:
                raise DataError(f"label: one of {', '.join(self.labels)}. Got {label!r}.")
        if not required and not forbidden:
            return self.tag_sentences([sentence])[0]
        allowed = self.lattice.allow(np.array([len(sentence)]), [required], [forbidden])

        def decode(outputs: OutputArrays, lengths: NDArray[np.int64]) -> list[Prediction]:
            found = self.lattice.decode(outputs["emissions"], lengths, allowed)
            return [Prediction(*each) for each in found]

        (found,) = self.decoder.run([sentence], decode, self.task.empty)
        return sentence.predicted(found)


def spans_within(spans: Sequence[Span], place: Span) -> list[Span]:
    """Give the spans that have tokens in `place`, cut at its borders, counted from its start."""
    cut = ((max(s.start, place.start), min(s.end, place.end), s.label) for s in spans)
    return [Span(a - place.start, b - place.start, label) for a, b, label in cut if a < b]


def token_spans(sentence: Sentence, stretches: Sequence[Stretch]) -> list[Span]:
    """Turn stretches in characters into spans of tokens.

    Raises:
        DataError: One of them does not start and end where tokens do.
    """
    first = {start: i for i, (start, _) in enumerate(sentence.offsets)}
    last = {end: i for i, (_, end) in enumerate(sentence.offsets, 1)}
    spans: list[Span] = []
    for each in stretches:
        start, end, label = (each.start, each.end, each.label) if isinstance(each, Entity) else each
        if start not in first or end not in last or start >= end:
            raise DataError(
                f"text: span [{start}, {end}) {short(sentence.text[start:end])} "
                "does not start and end at token borders."
            )
        spans.append(Span(first[start], last[end], label))
    return spans
