"""Use a model: text in, entities out."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from ner.crf.lattice import Allowed, TagLattice, restrict
from ner.crf.span_lattice import Range, SpanLattice
from ner.data.lines import short
from ner.data.min_score import MinScore
from ner.data.schemes import Span
from ner.data.sentence import Entity, PredictedSentence, Prediction, Sentence
from ner.data.sentence_splitter import FindStarts, cut_sentence, join_predictions
from ner.errors import DataError
from ner.evaluation.calibration import Calibration
from ner.features.arrays import OutputArrays
from ner.inference.batching import decode_scores
from ner.inference.calibrating import fit_temperature
from ner.inference.predictor import Predictor, TextSpan, TokenSpan
from ner.messages import Notify
from ner.tasks import SpanTask

if TYPE_CHECKING:
    from ner.evaluation.span_calibration import SpanCalibration


@dataclass(frozen=True, eq=False, repr=False)
class Tagger(Predictor):
    """A model that finds labelled spans, such as names."""

    task_class = SpanTask
    task: SpanTask

    @cached_property
    def lattice(self) -> SpanLattice:
        """The legal sequences of tags, and the learnt scores of their steps at the temperature."""
        return self.task.lattice(self.runner.edges)

    def tag(
        self,
        text: str,
        *,
        required: Sequence[TextSpan] = (),
        forbidden: Sequence[TextSpan] = (),
        split: FindStarts | None = None,
        min_score: MinScore = 0.0,
    ) -> PredictedSentence:
        """Find the entities of a raw text of any length.

        Args:
            text: What to tag.
            required: Entities that the result contains, just as they are. They start and end at
                token borders.
            forbidden: Parts of the text that no entity of that label touches, whatever its borders.
            split: Finds the sentences of the text, such as a `ner.SentenceSplitter`: each is tagged
                by itself. By default the text is tagged as one.
            min_score: The lowest score of the entities that are kept, from 0 to 1; or one for each
                label, such as `{"PER": 0.9}`, where labels without a score are all kept, and those
                with None left out.

        Returns:
            The text, its tokens, and the predicted `entities` with their character offsets. The
            score of each is its probability, calibrated by the temperature of the model. With
            `required` or `forbidden`, scores are probabilities among the results that obey these,
            so a required entity has 1.

        Raises:
            ConfigError: `min_score` is no score of the model's labels.
            DataError: No result obeys `required` and `forbidden`, or a span does not start and end
                at token borders.
        """
        self.check_min_score(min_score)
        sentence = self.read(text)
        whole, barred = (token_spans(sentence, spans) for spans in (required, forbidden))
        if split is None:
            found = self._tag(sentence, whole, barred)
        else:
            found = self._tag_pieces(sentence, split, whole, barred)
        return found.at_least(min_score) if min_score else found

    def _tag_pieces(
        self, sentence: Sentence, split: FindStarts, whole: list[Span], barred: list[Span]
    ) -> PredictedSentence:
        pieces = cut_sentence(sentence, split(sentence.text), whole)
        if not (whole or barred):
            return join_predictions(sentence, self.tag_sentences(pieces))
        tagged, first = [], 0
        for piece in pieces:
            place = Span(first, first + len(piece), "")
            tagged.append(self._tag(piece, spans_within(whole, place), spans_within(barred, place)))
            first = place.end
        return join_predictions(sentence, tagged)

    def tag_tokens(
        self,
        tokens: Sequence[str],
        *,
        required: Sequence[TokenSpan] = (),
        forbidden: Sequence[TokenSpan] = (),
        min_score: MinScore = 0.0,
    ) -> PredictedSentence:
        """Find the entities of a text that is already cut into tokens.

        Args:
            tokens: What to tag. Offsets of the result are those in the tokens joined by blanks.
            required: As for `tag`, but spans of tokens.
            forbidden: As for `tag`, but spans of tokens.
            min_score: As for `tag`.

        Raises:
            ConfigError: `min_score` is no score of the model's labels.
            DataError: No result obeys `required` and `forbidden`.
        """
        self.check_min_score(min_score)
        sentence = self.check_tokens(tokens)
        spans = ([Span(*span) for span in given] for given in (required, forbidden))
        found = self._tag(sentence, *spans)
        return found.at_least(min_score) if min_score else found

    def nbest(
        self,
        text: str | Sentence,
        k: int = 5,
        *,
        required: Sequence[TextSpan] = (),
        forbidden: Sequence[TextSpan] = (),
    ) -> list[PredictedSentence]:
        """Find the `k` most probable taggings of a text, best first; fewer where there are fewer.

        The `prediction` of each has the `probability` of this very tagging. The scores of its spans
        are those of `tag`: their probabilities among all taggings.

        Args:
            text: What to tag.
            k: Number of taggings, at least 1.
            required: As for `tag`.
            forbidden: As for `tag`.

        Raises:
            DataError: As for `tag`.
        """
        if k < 1:
            raise ValueError(f"k: must be at least 1. Got {k}.")
        sentence = text if isinstance(text, Sentence) else self.read(text)
        lattice = self.lattice
        whole, barred = (token_spans(sentence, spans) for spans in (required, forbidden))
        allowed = self._allow(sentence, whole, barred)

        def decode(outputs: OutputArrays, lengths: NDArray[np.int64]) -> list[list[Prediction]]:
            emissions = restrict(self.task.emissions(outputs), allowed)
            (found,) = lattice.nbest(emissions, lengths, k)
            different = list(dict.fromkeys(span for spans, _ in found for span in spans))
            (posteriors,) = lattice.span_posteriors(emissions, lengths, [different])
            scores = dict(zip(different, posteriors, strict=True))
            return [[Prediction(s, tuple(scores[span] for span in s), p) for s, p in found]]

        (predictions,) = self.runner.run([sentence], decode, [Prediction((), (), 1.0)])
        return [sentence.predicted(prediction) for prediction in predictions]

    def posteriors(
        self, sentences: Sequence[Sentence], spans: Sequence[Sequence[Range]]
    ) -> list[tuple[float, ...]]:
        """Compute the exact probability of any labelled spans, such as those of gold annotation.

        Args:
            sentences: The sentences.
            spans: For each sentence spans of tokens: start, end and label, overlapping or not.

        Returns:
            The probability that the model sees each span, with just this label and these borders;
            where the label is None, that none of its tokens is in a span.

        Raises:
            DataError: A span is empty, leaves its sentence, or has an unknown label.
        """
        for i, (sentence, each) in enumerate(zip(sentences, spans, strict=True)):
            for span in each:
                if not self.lattice.span_tags.fits(span, len(sentence)):
                    raise DataError(
                        f"spans[{i}]: must lie inside the {len(sentence)} tokens and have one of "
                        f"the labels {', '.join(self.labels)}. Got {tuple(span)}."
                    )

        return [
            self.lattice.span_posteriors(
                self.task.emissions({"emissions": scores[None]}), np.array([len(scores)]), [each]
            )[0]
            for scores, each in zip(self.emissions(sentences), spans, strict=True)
        ]

    def reliability(
        self, gold: Sequence[Sentence], predicted: Sequence[PredictedSentence]
    ) -> "SpanCalibration":
        """Compare the scores of entities, and of the tags of tokens, with how often they are right.

        Args:
            gold: Annotated sentences.
            predicted: What the model predicts for them, in the same order.
        """
        from ner.evaluation.span_calibration import span_calibration

        return span_calibration(gold, predicted, self.tag_scores(gold), self.task.scheme)

    def tag_scores(self, sentences: Iterable[Sentence]) -> list[tuple[float, ...]]:
        """Compute the probability of the predicted tag of each token, O among them.

        A prediction has the probabilities of its spans. Those of tags also tell how sure the model
        is of the tokens outside of spans, which an evaluation compares with how often it is right.
        """
        lattice = TagLattice(*self.lattice.edges, self.task.tags)

        def decode(outputs: OutputArrays, lengths: NDArray[np.int64]) -> list[tuple[float, ...]]:
            found = lattice.decode(self.task.emissions(outputs), lengths)
            return [scores for _, scores in found]

        return decode_scores(self.emissions(list(sentences)), decode, ())

    def calibrated(
        self, dev: Sequence[Sentence], notify: Notify
    ) -> tuple[Self, Calibration | None]:
        """Fit the temperature, so that entities are as often right as their scores say.

        Args:
            dev: Annotated sentences. Those with a label that the model does not know are left out.
            notify: Called with a line that says how many are left out.

        Returns:
            The model with the new temperature, and what it was fitted on; the same model and None
            where no sentence is left.
        """
        from ner.evaluation.span_calibration import entity_decisions

        return fit_temperature(self, self.task, dev, notify, entity_decisions)

    def _tag(
        self, sentence: Sentence, required: list[Span], forbidden: list[Span]
    ) -> PredictedSentence:
        allowed = self._allow(sentence, required, forbidden)
        if allowed is None:
            return self.tag_sentences([sentence])[0]

        def decode(outputs: OutputArrays, lengths: NDArray[np.int64]) -> list[Prediction]:
            found = self.lattice.decode(self.task.emissions(outputs), lengths, allowed)
            return [Prediction(*each) for each in found]

        (found,) = self.runner.run([sentence], decode, self.task.empty)
        return sentence.predicted(found)

    def _allow(
        self, sentence: Sentence, required: list[Span], forbidden: list[Span]
    ) -> Allowed | None:
        """Say which tags each token may have; None where each may have all."""
        for _, _, label in (*required, *forbidden):
            if label not in self.labels:
                raise DataError(f"label: must be one of {', '.join(self.labels)}. Got {label!r}.")
        if not required and not forbidden:
            return None
        return self.lattice.allow(np.array([len(sentence)]), [required], [forbidden])


def spans_within(spans: Sequence[Span], place: Span) -> list[Span]:
    """Return the parts of spans that are inside of `place`, counted from its start."""
    cut = ((max(s.start, place.start), min(s.end, place.end), s.label) for s in spans)
    return [Span(a - place.start, b - place.start, label) for a, b, label in cut if a < b]


def token_spans(sentence: Sentence, text_spans: Sequence[TextSpan]) -> list[Span]:
    """Turn spans of characters into spans of tokens.

    Raises:
        DataError: A span does not start and end where tokens do.
    """
    first = {start: i for i, (start, _) in enumerate(sentence.offsets)}
    last = {end: i for i, (_, end) in enumerate(sentence.offsets, 1)}
    spans: list[Span] = []
    for each in text_spans:
        start, end, label = (each.start, each.end, each.label) if isinstance(each, Entity) else each
        if start not in first or end not in last or start >= end:
            raise DataError(
                f"text: span [{start}, {end}) {short(sentence.text[start:end])} "
                "does not start and end at token borders."
            )
        spans.append(Span(first[start], last[end], label))
    return spans
