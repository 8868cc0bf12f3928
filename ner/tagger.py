"""Use a model: text in, entities out."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from ner.data.corpus import CorpusSource, read_sentences
from ner.data.lines import short
from ner.data.schemes import Span
from ner.data.sentence import Entity, Prediction, Sentence
from ner.data.sentences import FindStarts, cut_sentence, join_predictions, tag_in_sentences
from ner.data.tokenizer import Tokenizer
from ner.decoding import BATCH_TOKENS, Decoder, Runtime
from ner.errors import DataError
from ner.evaluation.metrics import evaluate_sentences
from ner.evaluation.report import Report
from ner.features.featurizer import Featurizer

# Sentences that `pipe` reads ahead, so that it can group those of like length.
WINDOW = 1024

# A labelled stretch of a text in characters, as (start, end, label) or as an entity.
Stretch = tuple[int, int, str] | Entity


class Tagger:
    """A model that is ready to tag; made by `ner.load` or `ner.train`.

    Args:
        featurizer: Strings to arrays.
        runtime: Arrays to scores.
        tokenizer: Raw text to tokens.
        record: What is known about the model: versions, metrics, data digests, seed.
    """

    def __init__(
        self,
        featurizer: Featurizer,
        runtime: Runtime,
        tokenizer: Tokenizer,
        record: dict[str, Any] | None = None,
    ) -> None:
        self.featurizer = featurizer
        self.runtime = runtime
        self.decoder = Decoder(featurizer, runtime)
        self.tokenizer = tokenizer
        self.record = record or {}

    @property
    def labels(self) -> tuple[str, ...]:
        """The types of entities that the model knows."""
        return tuple(dict.fromkeys(tag[2:] for tag in self.runtime.lattice.tags if tag != "O"))

    @property
    def columns(self) -> tuple[str, ...] | None:
        """Names of the columns of a column file, if the model reads more of them than tokens."""
        return tuple(self.record.get("columns", ())) or None

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
        sentence = self._read(text)
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
        if isinstance(tokens, str):
            raise TypeError("tokens: a list of strings. For raw text there is tag().")
        sentence = Sentence(tokens)
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
        sentence = text if isinstance(text, Sentence) else self._read(text)
        lattice = self.runtime.lattice

        def decode(emissions: np.ndarray, lengths: np.ndarray) -> list[list[Prediction]]:
            (found,) = lattice.nbest(emissions, lengths, k)
            different = list(dict.fromkeys(span for spans, _ in found for span in spans))
            (posteriors,) = lattice.span_posteriors(emissions, lengths, [different])
            scores = dict(zip(different, posteriors, strict=True))
            return [[Prediction(s, tuple(scores[span] for span in s), p) for s, p in found]]

        (predictions,) = self.decoder.run([sentence], decode, [Prediction((), (), 1.0)])
        return [sentence.predicted(prediction) for prediction in predictions]

    def pipe(
        self,
        items: Iterable[str | Sentence],
        *,
        batch_tokens: int = BATCH_TOKENS,
        window: int = WINDOW,
        split: FindStarts | None = None,
    ) -> Iterator[Sentence]:
        """Tag a stream of raw texts or sentences: lazily, in order, in constant memory.

        Args:
            items: Texts (str) or sentences.
            batch_tokens: Tokens in a batch, padding included.
            window: Items that are read ahead and grouped by length.
            split: As for `tag`, for sentences as well.
        """
        if isinstance(items, str):
            raise TypeError("items: many texts or sentences. For one text there is tag().")
        if window < 1:
            raise ValueError(f"window: at least 1. Got {window}.")
        tag = partial(self.tag_sentences, batch_tokens=batch_tokens)
        if split is not None:
            tag = partial(tag_in_sentences, find_starts=split, tag=tag)
        return self._pipe(iter(items), tag, window)

    def _pipe(
        self,
        items: Iterator[str | Sentence],
        tag: Callable[[list[Sentence]], Iterable[Sentence]],
        window: int,
    ) -> Iterator[Sentence]:
        while ahead := list(islice(items, window)):
            yield from tag([i if isinstance(i, Sentence) else self._read(i) for i in ahead])

    def tag_sentences(
        self, sentences: Sequence[Sentence], *, batch_tokens: int = BATCH_TOKENS
    ) -> list[Sentence]:
        """Give the sentences back with their `prediction`, in the same order."""
        for item in sentences:
            if not isinstance(item, Sentence):
                raise TypeError(
                    f"sentences: a list of Sentence. Got {type(item).__name__}. For raw texts "
                    "there are tag() and pipe()."
                )
        decode = self.runtime.lattice.decode
        decoded = self.decoder.run(sentences, decode, ((), ()), batch_tokens)
        return [
            sentence.predicted(Prediction(*found))
            for sentence, found in zip(sentences, decoded, strict=True)
        ]

    def _tag(self, sentence: Sentence, required: list[Span], forbidden: list[Span]) -> Sentence:
        for _, _, label in (*required, *forbidden):
            if label not in self.labels:
                raise DataError(f"label: one of {', '.join(self.labels)}. Got {label!r}.")
        lattice = self.runtime.lattice
        allowed = None
        if required or forbidden:
            allowed = lattice.allow(np.array([len(sentence)]), [required], [forbidden])
        decode = partial(lattice.decode, allowed=allowed)
        (found,) = self.decoder.run([sentence], decode, ((), ()))
        return sentence.predicted(Prediction(*found))

    def _read(self, text: str) -> Sentence:
        if not isinstance(text, str):
            raise TypeError(
                f"a text is a str. Got {type(text).__name__}. For tokens there are tag_tokens() "
                "and Sentence(tokens)."
            )
        tokens, offsets = self.tokenizer(text)
        return Sentence(tokens, text=text, offsets=offsets)


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


def evaluate(
    tagger: Tagger, data: CorpusSource, *, name: str | None = None, **reading: Any
) -> Report:
    """Tag sentences whose entities are known, and compare.

    Args:
        tagger: What to evaluate.
        data: A file, a folder or name of HF `datasets`, or a list of sentences.
        name: What to call the data in the report; the file's name by default.
        reading: Further arguments of `read_sentences`.

    Raises:
        DataError: The data cannot be read, or are not annotated.
    """
    if not isinstance(tagger, Tagger):
        raise TypeError(f"tagger: a Tagger, made by load() or train(). Got {tagger!r}.")
    if reading.get("columns") is None:
        reading["columns"] = tagger.columns
    gold = read_sentences(data, split="test", tokenize=tagger.tokenizer, **reading)
    title = name or (Path(data).name if isinstance(data, str | Path) else "sentences")
    return evaluate_sentences(gold, tagger.tag_sentences(gold), name=title)
