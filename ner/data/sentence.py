"""The sentence: what was read, what is known about it, and what a model predicts."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from ner.data.schemes import Span

NO_COLUMNS: Mapping[str, tuple[str, ...]] = MappingProxyType({})

NO_SCORES: Mapping[str, tuple[float, ...]] = MappingProxyType({})

NO_PROBABILITIES: Mapping[str, float] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Entity:
    """A named part of a text: `text[start:end]` of its sentence is `text`.

    `start` and `end` count characters, half open.
    """

    text: str
    label: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class PredictedEntity(Entity):
    """An entity that a model found.

    `score` is the exact posterior probability of this labelled span under the model.
    """

    score: float


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a model says about a sentence.

    Args:
        spans: The spans of tokens; None if the model does not predict spans.
        scores: The probability of each span.
        probability: The probability of the whole sequence of tags, if `Tagger.nbest` computed it.
        columns: The labels of tokens by name, such as `upos`.
        column_scores: The probability of each of these labels.
        labels: The labels of the whole sentence; None if the model does not predict any.
        probabilities: The probability of each label of the whole sentence that the model knows.
        attention: The weight of each token (T) in these labels: a row for each attention head.
    """

    spans: tuple[Span, ...] | None = None
    scores: tuple[float, ...] = ()
    probability: float | None = None
    columns: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: NO_COLUMNS)
    column_scores: Mapping[str, tuple[float, ...]] = field(default_factory=lambda: NO_SCORES)
    labels: tuple[str, ...] | None = None
    probabilities: Mapping[str, float] = field(default_factory=lambda: NO_PROBABILITIES)
    attention: tuple[tuple[float, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Source:
    """Where a sentence was read: a file, and the line (from 1) of its first token."""

    path: str
    line: int

    def __str__(self) -> str:
        return f"{self.path}:{self.line}"


@dataclass(frozen=True)
class Sentence:
    """Tokens with their places in a text. Everything else is optional.

    Args:
        tokens: The words, none of them empty.
        text: The text from which they were cut; by default the tokens joined by blanks.
        offsets: The character ranges of the tokens in `text`, half open and ascending.
        columns: Other strings of each token by name, such as a part of speech, or the raw tags of
            the file.
        spans: The gold spans of tokens; None if the sentence is not annotated, () if it has no
            entities.
        allowed: For each token the tags that it may have, none if they are unknown. It replaces
            `spans` if the annotation is partial (see `ner.data.partial`).
        labels: The gold labels of the whole sentence; None if there are none.
        prediction: What a model predicts.
        id: The name of the sentence in its file.
        document: The document of the sentence.
        source: Where the sentence was read.

    >>> Sentence(["New", "York"], spans=[Span(0, 2, "LOC")]).entities
    (Entity(text='New York', label='LOC', start=0, end=8),)
    """

    tokens: Sequence[str]
    text: str = ""
    offsets: Sequence[tuple[int, int]] = ()
    columns: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: NO_COLUMNS)
    spans: Sequence[Span] | None = None
    allowed: Sequence[tuple[str, ...]] | None = None
    labels: Sequence[str] | None = None
    prediction: Prediction | None = None
    id: str | None = None
    document: str | None = None
    source: Source | None = None

    def __post_init__(self) -> None:
        if isinstance(self.tokens, str):
            raise TypeError(f"tokens: must be a list of strings. Got {self.tokens!r}.")
        fix = object.__setattr__
        fix(self, "tokens", tuple(self.tokens))
        if "" in self.tokens:
            raise ValueError("tokens: must not be empty. Got an empty token.")
        if self.tokens and not self.text:
            fix(self, "text", " ".join(self.tokens))
            fix(self, "offsets", joined_offsets(self.tokens))
        fix(self, "offsets", tuple(self.offsets))
        if len(self.offsets) != len(self.tokens):
            raise ValueError(
                "offsets: must be a range for each token. "
                f"Got {len(self.offsets)} for {len(self.tokens)} tokens."
            )
        if self.spans is not None:
            fix(self, "spans", tuple(Span(*span) for span in self.spans))
            check_spans(self.spans, len(self.tokens))
        if self.allowed is not None:
            fix(self, "allowed", tuple(map(tuple, self.allowed)))
            if len(self.allowed) != len(self.tokens) or self.spans is not None:
                raise ValueError(
                    "allowed: must be tags for each token, without spans. "
                    f"Got {len(self.allowed)} for {len(self.tokens)} tokens."
                )
        if self.labels is not None:
            fix(self, "labels", tuple(self.labels))
        for name, values in self.columns.items():
            if len(values) != len(self.tokens):
                raise ValueError(
                    f"columns: must have a value for each token. Got {len(values)} in {name!r} "
                    f"for {len(self.tokens)} tokens."
                )

    def __len__(self) -> int:
        return len(self.tokens)

    def replace(self, **changes: Any) -> "Sentence":
        """Return a copy in which some fields have other values."""
        fields = {name: getattr(self, name) for name in FIELDS} | changes
        return (Sentence if fields["prediction"] is None else PredictedSentence)(**fields)

    def predicted(self, prediction: Prediction) -> "PredictedSentence":
        """Return a copy with a prediction. It is faster than `replace`, for bulk tagging."""
        copy = object.__new__(PredictedSentence)
        copy.__dict__.update(self.__dict__)
        copy.__dict__["prediction"] = prediction
        return copy

    @property
    def found_spans(self) -> Sequence[Span] | None:
        """The predicted spans, or the gold spans if no spans were predicted."""
        if self.prediction is not None and self.prediction.spans is not None:
            return self.prediction.spans
        return self.spans

    @property
    def found_entities(self) -> tuple[Entity, ...]:
        """The entities of `found_spans`."""
        if self.prediction is not None and self.prediction.spans is not None:
            return self._scored(self.prediction.spans, self.prediction.scores)
        return tuple(Entity(*self._place(span)) for span in self.spans or ())

    @property
    def entities(self) -> tuple[Entity, ...]:
        """The gold entities."""
        return self.found_entities

    def column(self, name: str) -> tuple[str, ...]:
        """Return the labels of tokens under a name: the predicted ones, or those that were read.

        Raises:
            KeyError: There are no such labels.
        """
        predicted = self.prediction.columns if self.prediction is not None else NO_COLUMNS
        return predicted[name] if name in predicted else self.columns[name]

    def _scored(
        self, spans: Sequence[Span], scores: Sequence[float]
    ) -> tuple[PredictedEntity, ...]:
        pairs = zip(spans, scores, strict=True)
        return tuple(PredictedEntity(*self._place(span), score) for span, score in pairs)

    def _place(self, span: Span) -> tuple[str, str, int, int]:
        """Return the text, the label, the start and the end of a span, in characters."""
        start, end = self.offsets[span.start][0], self.offsets[span.end - 1][1]
        return self.text[start:end], span.label, start, end


FIELDS = tuple(field.name for field in dataclasses.fields(Sentence))


@dataclass(frozen=True)
class PredictedSentence(Sentence):
    """A sentence with what a model said about it."""

    prediction: Prediction = Prediction()

    @property
    def entities(self) -> tuple[PredictedEntity, ...]:
        """The predicted entities; none if the model does not predict spans."""
        return self._scored(self.prediction.spans or (), self.prediction.scores)


def joined_offsets(tokens: Iterable[str]) -> tuple[tuple[int, int], ...]:
    """Return the character ranges of tokens joined by single blanks.

    >>> joined_offsets(["New", "York"])
    ((0, 3), (4, 8))
    """
    offsets: list[tuple[int, int]] = []
    start = 0
    for token in tokens:
        offsets.append((start, start + len(token)))
        start += len(token) + 1
    return tuple(offsets)


def check_spans(spans: Iterable[Span], length: int) -> None:
    """Refuse spans that exceed a sentence of `length` tokens, are empty, or overlap."""
    before = 0
    for span in sorted(spans):
        if not before <= span.start < span.end <= length:
            raise ValueError(
                "spans: must be inside the sentence, not empty, and without overlap. "
                f"Got {tuple(span)} after token {before} of {length}."
            )
        before = span.end
