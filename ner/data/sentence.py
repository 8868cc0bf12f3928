"""The sentence: what was read, what is known about it, and what a model predicts."""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self, get_args

from ner.choices import EntityStyle, Spelling
from ner.data.frozen_dict import FrozenDict, as_columns, as_floats, build, known_fields, plain
from ner.data.lines import listed, short
from ner.data.min_score import MinScore, check_min_score, is_kept
from ner.data.partial import check_allowed, check_weights, tags_from_allowed
from ner.data.schemes import Span, spelled_tags
from ner.data.token_ranges import as_ranges
from ner.errors import ConfigError, DataError, suggestion

NO_COLUMNS: Mapping[str, tuple[str, ...]] = FrozenDict()
NO_SCORES: Mapping[str, tuple[float, ...]] = FrozenDict()
NO_PROBABILITIES: Mapping[str, float] = FrozenDict()

# What pipelines of transformers call the fields of an entity, in their order.
# Source: https://huggingface.co/docs/transformers/main_classes/pipelines (TokenClassification).
HUGGINGFACE_KEYS = {
    "label": "entity_group",
    "score": "score",
    "text": "word",
    "start": "start",
    "end": "end",
}


@dataclass(frozen=True, slots=True)
class Entity:
    """A named part of a text: `text[start:end]` of its sentence is `text`.

    `start` and `end` count characters, half open.
    """

    text: str
    label: str
    start: int
    end: int

    def to_dict(self) -> dict[str, Any]:
        """Return the fields by name, as JSON can hold them."""
        return plain(self)

    @classmethod
    def from_dict(cls, facts: Mapping[str, Any]) -> Self:
        """Read what `to_dict` returned.

        Raises:
            DataError: A field is missing or unknown.
        """
        return build(cls, facts)


@dataclass(frozen=True, slots=True)
class PredictedEntity(Entity):
    """An entity that a model found.

    `score` is the exact posterior probability of this labelled span under the model.
    """

    score: float


@dataclass(frozen=True, slots=True, repr=False)
class Prediction:
    """What a model says about a sentence.

    Lists and arrays become tuples, so that predictions can be compared and hashed.

    Args:
        spans: The spans of tokens; None if the model does not predict spans.
        scores: The probability of each span.
        probability: The probability of the whole sequence of tags, if `Tagger.nbest` computed it.
        columns: The labels of tokens by name, such as `upos`.
        column_scores: The probability of each of these labels.
        labels: The labels of the whole sentence; None if the model does not predict any.
        probabilities: The probability of each label of the whole sentence that the model knows.
        attention: The weight of each token (T) in these labels: a row for each attention head.

    >>> Prediction([Span(0, 2, "LOC")], [0.75])
    Prediction(spans=(Span(start=0, end=2, label='LOC'),), scores=(0.75,))
    """

    spans: Sequence[Span] | None = None
    scores: Sequence[float] = ()
    probability: float | None = None
    columns: Mapping[str, tuple[str, ...]] = NO_COLUMNS
    column_scores: Mapping[str, tuple[float, ...]] = NO_SCORES
    labels: tuple[str, ...] | None = None
    probabilities: Mapping[str, float] = NO_PROBABILITIES
    attention: tuple[tuple[float, ...], ...] = ()

    def __post_init__(self) -> None:
        # Bulk tagging comes by here with tuples; each line costs only where there is work to do.
        fix = object.__setattr__
        if self.spans is not None and self.spans != ():
            fix(self, "spans", as_spans(self.spans))
        if type(self.scores) is not tuple:
            fix(self, "scores", as_floats(self.scores))
        if type(self.columns) is not FrozenDict:
            fix(self, "columns", as_columns(self.columns))
        if type(self.column_scores) is not FrozenDict:
            scores = {name: as_floats(values) for name, values in self.column_scores.items()}
            fix(self, "column_scores", FrozenDict(scores))
        if self.labels is not None and type(self.labels) is not tuple:
            fix(self, "labels", tuple(self.labels))
        if type(self.probabilities) is not FrozenDict:
            shares = {label: float(share) for label, share in self.probabilities.items()}
            fix(self, "probabilities", FrozenDict(shares))
        if type(self.attention) is not tuple:
            fix(self, "attention", tuple(map(as_floats, self.attention)))

    def __repr__(self) -> str:
        fields = ((field.name, getattr(self, field.name)) for field in dataclasses.fields(self))
        # No spans or labels is an answer as well.
        known = (
            f"{name}={short(dict(value) if isinstance(value, Mapping) else value)}"
            for name, value in fields
            if value or (value is not None and name in ("spans", "labels"))
        )
        return f"Prediction({', '.join(known)})"

    def to_dict(self) -> dict[str, Any]:
        """Return the fields that are known by name, as JSON can hold them; no number is rounded."""
        return known_fields(self)

    @classmethod
    def from_dict(cls, facts: Mapping[str, Any]) -> Self:
        """Read what `to_dict` returned, also after a way through JSON.

        Raises:
            DataError: A field is unknown, or holds something else.
        """
        return build(cls, facts)


@dataclass(frozen=True, slots=True)
class Source:
    """Where a sentence was read: a file, and the line (from 1) of its first token.

    Line 0 means none: `path` is then the item of a list, such as `train[3]`.
    """

    path: str
    line: int = 0

    def __str__(self) -> str:
        return f"{self.path}:{self.line}" if self.line else self.path


@dataclass(frozen=True, repr=False)
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
        allowed_weights: The weight of each of these tags, which are then BIO: the probability of
            what is known about the token, given the tag. None if all tags are alike.
        labels: The gold labels of the whole sentence; None if there are none.
        prediction: What a model predicts.
        id: The name of the sentence in its file.
        document: The document of the sentence.
        source: Where the sentence was read.

    >>> Sentence(["New", "York"], spans=[Span(0, 2, "LOC")]).entities
    (Entity(text='New York', label='LOC', start=0, end=8),)
    >>> Sentence(["New", "York"], spans=[Span(0, 2, "LOC")])
    <Sentence 'New York': LOC 'New York'>
    """

    tokens: Sequence[str]
    text: str = ""
    offsets: Sequence[tuple[int, int]] = ()
    columns: Mapping[str, tuple[str, ...]] = NO_COLUMNS
    spans: Sequence[Span] | None = None
    allowed: Sequence[tuple[str, ...]] | None = None
    allowed_weights: Sequence[tuple[float, ...]] | None = None
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
        else:
            fix(self, "offsets", as_ranges(self.offsets))
        if len(self.offsets) != len(self.tokens):
            raise ValueError(
                "offsets: must be a range for each token. "
                f"Got {len(self.offsets)} for {len(self.tokens)} tokens."
            )
        if self.spans is not None:
            fix(self, "spans", as_spans(self.spans))
            check_spans(self.spans, len(self.tokens))
        if self.allowed is not None:
            fix(self, "allowed", tuple(map(tuple, self.allowed)))
            check_allowed(self.allowed, len(self.tokens), self.spans)
        if self.allowed_weights is not None:
            fix(self, "allowed_weights", tuple(map(as_floats, self.allowed_weights)))
            check_weights(self.allowed, self.allowed_weights)
        if self.labels is not None:
            fix(self, "labels", tuple(self.labels))
        if type(self.columns) is not FrozenDict:
            fix(self, "columns", as_columns(self.columns))
        for name, values in self.columns.items():
            if len(values) != len(self.tokens):
                raise ValueError(
                    f"columns: must have a value for each token. Got {len(values)} in {name!r} "
                    f"for {len(self.tokens)} tokens."
                )

    def __len__(self) -> int:
        return len(self.tokens)

    def __repr__(self) -> str:
        known = "; ".join(self._facts()) or "not annotated"
        return f"<{type(self).__name__} {short(self.text)}: {known}>"

    def to_dict(self) -> dict[str, Any]:
        """Return the fields that are known by name, as JSON can hold them; no number is rounded.

        >>> Sentence(["New", "York"], spans=[Span(0, 2, "LOC")]).to_dict()["spans"][0]
        [0, 2, 'LOC']
        """
        nested = {name: getattr(self, name) for name in ("prediction", "source")}
        return known_fields(self) | {
            name: known_fields(it) for name, it in nested.items() if it is not None
        }

    @classmethod
    def from_dict(cls, facts: Mapping[str, Any]) -> "Sentence":
        """Read what `to_dict` returned, also after a way through JSON.

        Returns:
            A sentence that equals the old one; a `PredictedSentence` if it has a prediction.

        Raises:
            DataError: A field is unknown, or holds something else.
        """
        fields = dict(facts)
        if (prediction := fields.get("prediction")) is not None:
            fields["prediction"] = Prediction.from_dict(prediction)
        if (source := fields.get("source")) is not None:
            fields["source"] = build(Source, source)
        return build(Sentence if prediction is None else PredictedSentence, fields)

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

    def located(self, source: Source) -> Self:
        """Return a copy with another source. It is faster than `replace`."""
        copy = object.__new__(type(self))
        copy.__dict__.update(self.__dict__)
        copy.__dict__["source"] = source
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

    def entities_as(self, style: EntityStyle) -> list[dict[str, Any]]:
        """Return the entities of `found_spans` as dictionaries in the shape of another library.

        Args:
            style: "gliner" for `text`, `label`, `start`, `end` and `score`, as GLiNER returns them;
                "huggingface" for `entity_group`, `score`, `word`, `start` and `end`, as pipelines
                of transformers return them.

        Returns:
            A dictionary for each entity. `start` and `end` count characters, half open. Only
            predicted entities have a `score`.

        Raises:
            ConfigError: There is no such style.

        >>> Sentence(["New", "York"], spans=[Span(0, 2, "LOC")]).entities_as("huggingface")
        [{'entity_group': 'LOC', 'word': 'New York', 'start': 0, 'end': 8}]
        """
        known = get_args(EntityStyle)
        if style not in known:
            raise ConfigError(
                f"style: must be one of {', '.join(known)}. Got {style!r}."
                f"{suggestion(style, known)}"
            )
        facts = [entity.to_dict() for entity in self.found_entities]
        if style == "gliner":
            return facts
        return [{new: f[old] for old, new in HUGGINGFACE_KEYS.items() if old in f} for f in facts]

    def to_html(self, *, page: bool = True) -> str:
        """Show the text as HTML, with what is known about it: its entities, labels or attention.

        Scores are shown when the pointer rests on an entity. The page needs no script, asks for
        nothing from elsewhere, and is light or dark as the browser prefers.

        Args:
            page: Whether to return a whole page; otherwise what can stand inside of one.
        """
        from ner.data.html_view import fragment, html_page, sentence_html

        return "\n".join(html_page([sentence_html(self)])) if page else fragment(self)

    def _repr_html_(self) -> str:
        """What notebooks show."""
        return self.to_html(page=False)

    def column(self, name: str) -> tuple[str, ...]:
        """Return the labels of tokens under a name: the predicted ones, or those that were read.

        Raises:
            KeyError: There are no such labels.
        """
        predicted = self.prediction.columns if self.prediction is not None else NO_COLUMNS
        return predicted[name] if name in predicted else self.columns[name]

    def tags(self, scheme: Spelling = "BIO") -> list[str]:
        """Return the tag of each token (T): of the predicted spans, or of the gold spans.

        Args:
            scheme: The scheme of the tags. Partial annotation is returned as it was read.

        Raises:
            ConfigError: There is no such scheme.
            DataError: The sentence has no spans, predicted or gold.

        >>> Sentence(["New", "York", "calls"], spans=[Span(0, 2, "LOC")]).tags("BIOES")
        ['B-LOC', 'E-LOC', 'O']
        """
        known = get_args(Spelling)
        if scheme not in known:
            raise ConfigError(
                f"scheme: must be one of {', '.join(known)}. Got {scheme!r}."
                f"{suggestion(scheme, known)}"
            )
        spans = self.found_spans
        if spans is not None:
            return spelled_tags(spans, len(self), scheme)
        if self.allowed is not None:
            return tags_from_allowed(self.allowed)
        raise DataError(f"{self.source or 'tags'}: the sentence must have spans. Got none.")

    def _facts(self) -> Iterator[str]:
        """Say in some words each what is known: spans, columns that are predicted, labels."""
        predicted = self.prediction or NO_PREDICTION
        if self.found_spans is not None:
            entities = [f"{e.label} {short(e.text)}{_rounded(e)}" for e in self.found_entities]
            yield listed(entities) or "no entities"
        elif self.allowed is not None:
            yield "partial annotation"
        for name, values in predicted.columns.items():
            yield f"{name} {listed(values)}"
        labels = self.labels if predicted.labels is None else predicted.labels
        if labels is not None:
            shares = predicted.probabilities
            shown = [f"{one} {shares[one]:.2f}" if one in shares else one for one in labels]
            yield f"label {listed(shown)}" if labels else "no labels"

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


NO_PREDICTION = Prediction()


@dataclass(frozen=True, repr=False)
class PredictedSentence(Sentence):
    """A sentence with what a model said about it."""

    prediction: Prediction = NO_PREDICTION

    @classmethod
    def from_dict(cls, facts: Mapping[str, Any]) -> "PredictedSentence":
        """Read what `to_dict` returned, also after a way through JSON.

        Raises:
            DataError: There is no prediction; or a field is unknown, or holds something else.
        """
        found = super().from_dict(facts)
        if not isinstance(found, PredictedSentence):
            raise DataError("prediction: must be there. Got a sentence without one.")
        return found

    @property
    def entities(self) -> tuple[PredictedEntity, ...]:
        """The predicted entities; none if the model does not predict spans."""
        return self._scored(self.prediction.spans or (), self.prediction.scores)

    def at_least(self, score: MinScore) -> "PredictedSentence":
        """Return a copy without the predicted entities whose score is less than `score`.

        Args:
            score: The lowest score that is kept, in [0, 1]; or such a score for each label, such as
                `{"PER": 0.9}`. Labels without a score are all kept, those with None left out.

        Raises:
            ConfigError: A score is not in [0, 1].
        """
        check_min_score(score, where="score")
        found = self.prediction
        pairs = zip(found.spans or (), found.scores, strict=True)
        kept = [(span, own) for span, own in pairs if is_kept(score, span.label, own)]
        if found.spans is None or len(kept) == len(found.spans):
            return self
        spans, scores = (tuple(one) for one in zip(*kept, strict=True)) if kept else ((), ())
        return self.predicted(dataclasses.replace(found, spans=spans, scores=scores))


def joined_offsets(tokens: Iterable[str]) -> Sequence[tuple[int, int]]:
    """Return the character ranges of tokens joined by single blanks.

    >>> joined_offsets(["New", "York"])
    ((0, 3), (4, 8))
    """
    offsets: list[tuple[int, int]] = []
    start = 0
    for length in map(len, tokens):
        end = start + length
        offsets.append((start, end))
        start = end + 1
    return as_ranges(offsets)


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


def as_spans(spans: Iterable[Sequence[Any]]) -> tuple[Span, ...]:
    """Return spans, which may be `(start, end, label)`, as a tuple of `Span`."""
    found: tuple[Any, ...] = tuple(spans)
    return found if set(map(type, found)) <= {Span} else tuple(Span(*span) for span in found)


def _rounded(entity: Entity) -> str:
    return f" {entity.score:.2f}" if isinstance(entity, PredictedEntity) else ""
