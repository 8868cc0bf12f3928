"""Use a model: text in, entities out."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from ner.choices import SuggestBy
from ner.crf.forward_backward import Floats, Scores, token_entropies
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
from ner.inference.batching import BATCH_TOKENS, batches_of_scores, decode_scores
from ner.inference.calibrating import fit_temperature
from ner.inference.constraining import parts_of
from ner.inference.predictor import Predictor, TextSpan, TokenSpan
from ner.messages import Notify
from ner.rules.constraints import Constraints
from ner.tasks import SpanTask

if TYPE_CHECKING:
    from ner.evaluation.span_calibration import SpanCalibration
    from ner.rules.rules import Rules


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
        rules: "Rules | None" = None,
        split: FindStarts | None = None,
        min_score: MinScore = 0.0,
    ) -> PredictedSentence:
        """Find the entities of a raw text of any length.

        Args:
            text: What to tag.
            required: Entities that the result contains, just as they are. They start and end at
                token borders.
            forbidden: Parts of the text that no entity of that label touches, whatever its borders.
            rules: Words and patterns that are required or forbidden wherever they are, unless they
                contradict the former two.
            split: Finds the sentences of the text, such as a `ner.SentenceSplitter`: each is tagged
                by itself. By default the text is tagged as one.
            min_score: The lowest score of the entities that are kept, from 0 to 1; or one for each
                label, such as `{"PER": 0.9}`, where labels without a score are all kept, and those
                with None left out.

        Returns:
            The text, its tokens, and the predicted `entities` with their character offsets. The
            score of each is its probability, calibrated by the temperature of the model. With
            `required`, `forbidden` or `rules`, scores are probabilities among the results that obey
            these, so a required entity has 1.

        Raises:
            ConfigError: `min_score` is no score of the model's labels, or `rules` have others.
            DataError: No result obeys `required` and `forbidden`, or a span does not start and end
                at token borders.
        """
        self.check_min_score(min_score)
        sentence = self.read(text)
        whole, barred = (token_spans(sentence, spans) for spans in (required, forbidden))
        given = self._given(sentence, whole, barred, rules)
        found = self._tag_under([sentence], [given], split)[0]
        return found.at_least(min_score) if min_score else found

    def tag_tokens(
        self,
        tokens: Sequence[str],
        *,
        required: Sequence[TokenSpan] = (),
        forbidden: Sequence[TokenSpan] = (),
        rules: "Rules | None" = None,
        min_score: MinScore = 0.0,
    ) -> PredictedSentence:
        """Find the entities of a text that is already cut into tokens.

        Args:
            tokens: What to tag. Offsets of the result are those in the tokens joined by blanks.
            required: As for `tag`, but spans of tokens.
            forbidden: As for `tag`, but spans of tokens.
            rules: As for `tag`.
            min_score: As for `tag`.

        Raises:
            ConfigError: `min_score` is no score of the model's labels, or `rules` have others.
            DataError: No result obeys `required` and `forbidden`.
        """
        self.check_min_score(min_score)
        sentence = self.check_tokens(tokens)
        whole, barred = ([Span(*span) for span in spans] for spans in (required, forbidden))
        given = self._given(sentence, whole, barred, rules)
        found = self._tag_under([sentence], [given])[0]
        return found.at_least(min_score) if min_score else found

    def nbest(
        self,
        text: str | Sentence,
        k: int = 5,
        *,
        required: Sequence[TextSpan] = (),
        forbidden: Sequence[TextSpan] = (),
        rules: "Rules | None" = None,
    ) -> list[PredictedSentence]:
        """Find the `k` most probable taggings of a text, best first; fewer where there are fewer.

        The `prediction` of each has the `probability` of this very tagging. The scores of its spans
        are those of `tag`: their probabilities among all taggings.

        Args:
            text: What to tag.
            k: Number of taggings, at least 1.
            required: As for `tag`.
            forbidden: As for `tag`.
            rules: As for `tag`.

        Raises:
            ConfigError: `rules` have labels that the model lacks.
            DataError: As for `tag`.
        """
        if k < 1:
            raise ValueError(f"k: must be at least 1. Got {k}.")
        sentence = text if isinstance(text, Sentence) else self.read(text)
        lattice = self.lattice
        whole, barred = (token_spans(sentence, spans) for spans in (required, forbidden))
        allowed = self._allowed([sentence], [self._given(sentence, whole, barred, rules)])

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

    def taggings(
        self,
        sentences: Sequence[Sentence],
        log_weights: Sequence[Scores],
        *,
        draws: int | None = None,
        seed: int = 0,
    ) -> list[list[tuple[Span, ...]]]:
        """Find the spans of sentences about whose tags something is known.

        Args:
            sentences: The sentences.
            log_weights: For each sentence what is added to the scores of its tags (T C); -inf
                forbids a tag.
            draws: How many results to draw by their exact probabilities; None for the best alone.
            seed: Random seed of the draws.

        Returns:
            For each sentence a list of results, each with its spans.
        """
        random = np.random.default_rng(seed)
        found: list[list[tuple[Span, ...]]] = []
        for scores, known in zip(self.emissions(sentences), log_weights, strict=True):
            emissions = self.task.emissions({"emissions": scores[None]}) + known
            if draws is not None:
                found.append(self.lattice.sample(emissions[0], draws, random))
                continue
            ((best, _),) = self.lattice.decode(emissions, np.array([len(scores)]))
            found.append([best])
        return found

    def uncertainty(
        self, sentences: Sequence[Sentence], by: SuggestBy
    ) -> tuple[list[PredictedSentence], list[Floats]]:
        """Predict for sentences, and say how unsure of it the model is, token by token.

        Args:
            sentences: The sentences.
            by: `entropy` for the entropy of the sequence of tags in nats, exact: each token has the
                entropy of its tag given the one before. `margin` for 1 minus the difference between
                the probabilities of the two best sequences, spread evenly over the tokens. `random`
                for zeros.

        Returns:
            The sentences with their prediction, and the shares of their tokens (T), at least 0,
            which add up to the uncertainty of the sentence.

        Source: Settles and Craven, "An Analysis of Active Learning Strategies for Sequence Labeling
        Tasks", EMNLP 2008, section 3.1 (sequence entropy and margin).
        """
        predictions = [self.task.empty] * len(sentences)
        shares = [np.zeros(len(sentence)) for sentence in sentences]
        for indices, scores, lengths in batches_of_scores(self.emissions(sentences)):
            emissions = self.task.emissions({"emissions": scores})
            decoded = self.lattice.decode(emissions, lengths)
            rows = self._shares(emissions, lengths, by)
            for b, i in enumerate(indices.tolist()):
                predictions[i] = Prediction(*decoded[b])
                shares[i] = rows[b, : lengths[b]]
        pairs = zip(sentences, predictions, strict=True)
        return [sentence.predicted(prediction) for sentence, prediction in pairs], shares

    def _shares(self, emissions: Scores, lengths: NDArray[np.int64], by: SuggestBy) -> Floats:
        """Compute the uncertainty of each token (B T), 0 past the end of a sentence."""
        if by == "entropy":
            sums = self.lattice.sums(emissions, lengths)
            return token_entropies(emissions, lengths, self.lattice.edges, sums)
        shares = np.zeros(emissions.shape[:2])
        if by == "margin":
            for b, found in enumerate(self.lattice.nbest_tags(emissions, lengths, 2)):
                best, *others = (path.probability for path in found)
                shares[b, : lengths[b]] = (1 - best + sum(others)) / lengths[b]
        return shares

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

    def check_rules(self, rules: "Rules") -> None:
        """Refuse rules that the model cannot obey.

        Raises:
            ConfigError: A rule has a label that the model does not know.
        """
        rules.check_labels(self.labels)

    def tag_by_rules(
        self,
        sentences: Sequence[Sentence],
        rules: "Rules",
        *,
        split: FindStarts | None = None,
        batch_tokens: int = BATCH_TOKENS,
    ) -> list[PredictedSentence]:
        """Return sentences with what the model finds under rules, in the same order.

        Args:
            sentences: The sentences.
            rules: What results obey.
            split: As for `tag`.
            batch_tokens: Tokens of a batch, padding included.
        """
        constraints = [rules.constraints(sentence) for sentence in sentences]
        return self._tag_under(sentences, constraints, split, batch_tokens)

    def _given(
        self,
        sentence: Sentence,
        required: list[Span],
        forbidden: list[Span],
        rules: "Rules | None",
    ) -> Constraints:
        """Put together what holds for a sentence."""
        for _, _, label in (*required, *forbidden):
            if label not in self.labels:
                raise DataError(f"label: must be one of {', '.join(self.labels)}. Got {label!r}.")
        given = Constraints(required, forbidden)
        if rules is None:
            return given
        self.check_rules(rules)
        return rules.constraints(sentence, given)

    def _tag_under(
        self,
        sentences: Sequence[Sentence],
        constraints: Sequence[Constraints],
        split: FindStarts | None = None,
        batch_tokens: int = BATCH_TOKENS,
    ) -> list[PredictedSentence]:
        """Tag sentences, each under its constraints."""
        if split is not None:
            return self._tag_pieces(sentences, constraints, split, batch_tokens)
        if not any(constraints):
            return self.tag_sentences(sentences, batch_tokens=batch_tokens)
        for sentence, given in zip(sentences, constraints, strict=True):
            if given and not len(sentence):
                self._allowed([sentence], [given])  # refuses it: no batch has this sentence
        found = [self.task.empty] * len(sentences)
        scores = self.emissions(sentences, batch_tokens)
        for batch in batches_of_scores(scores, batch_tokens):
            emissions = self.task.emissions({"emissions": batch.emissions})
            places = batch.indices.tolist()
            pairs = [(sentences[i], constraints[i]) for i in places]
            allowed = self._allowed(*zip(*pairs, strict=True))
            decoded = self.lattice.decode(emissions, batch.lengths, allowed)
            for i, each in zip(places, decoded, strict=True):
                found[i] = Prediction(*each)
        return [s.predicted(prediction) for s, prediction in zip(sentences, found, strict=True)]

    def _tag_pieces(
        self,
        sentences: Sequence[Sentence],
        constraints: Sequence[Constraints],
        split: FindStarts,
        batch_tokens: int,
    ) -> list[PredictedSentence]:
        """Do the work of `_tag_under` where each sentence of a text is tagged by itself."""
        pieces: list[Sentence] = []
        parts: list[Constraints] = []
        counts: list[int] = []
        for sentence, given in zip(sentences, constraints, strict=True):
            cut = cut_sentence(sentence, split(sentence.text), given.required)
            pieces += cut
            parts += parts_of(given, cut)
            counts.append(len(cut))
        tagged = iter(self._tag_under(pieces, parts, batch_tokens=batch_tokens))
        pairs = zip(sentences, counts, strict=True)
        return [join_predictions(sentence, islice(tagged, count)) for sentence, count in pairs]

    def _allowed(
        self, sentences: Sequence[Sentence], constraints: Sequence[Constraints]
    ) -> Allowed | None:
        """Say which tags each token may have (B T C); None where each may have all."""
        if not any(constraints):
            return None
        lengths = np.array([len(sentence) for sentence in sentences])
        required, forbidden = zip(*constraints, strict=True)
        return self.lattice.allow(lengths, required, forbidden)


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
