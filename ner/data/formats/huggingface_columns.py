"""What the columns of a data set of Hugging Face hold, and its rows as sentences."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ner.data.formats.columns import (
    LABEL_NAMES,
    TAG_LIST_NAMES,
    TEXT_NAMES,
    TOKEN_LIST_NAMES,
)
from ner.data.formats.records import Tokenize, label_list, text_sentence
from ner.data.lines import short
from ner.data.schemes import normalize_tag, spans_from_tags
from ner.data.sentence import Sentence, Source
from ner.data.spans import FieldError, SpanRules
from ner.errors import DataError

STRING_TYPES = ("string", "large_string")

INTEGER_TYPES = tuple(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64))

# A row of a data set: its values by the names of the columns.
DatasetRow = Mapping[str, Any]


@dataclass(frozen=True)
class LabelColumn:
    """A column with the label of a text, or with a list of labels.

    Args:
        name: The name of the column.
        classes: The names of its numbers; None if it holds the labels themselves.
        is_list: Whether it holds lists.
    """

    name: str
    classes: Sequence[str] | None
    is_list: bool

    def labels(self, row: DatasetRow) -> tuple[str, ...] | None:
        """Read the labels of a row; None if there are none.

        Raises:
            FieldError: The row holds something else.
        """
        value = row[self.name]
        if value is None:
            return None
        values = value if self.is_list else [value]
        if self.classes is not None:
            return _class_names(values, self.classes, self.name)
        return label_list(values, self.name)


@dataclass(frozen=True)
class TokenRows:
    """Rows of tokens, and of strings or classes for each token.

    Args:
        tokens: The column of tokens.
        other_columns: The other columns, with the names of their classes; None for strings.
        tags: The one of `other_columns` that holds the tags of entities; None if there is none.
        label: The column with the label of the whole row.
    """

    tokens: str
    other_columns: Mapping[str, Sequence[str] | None]
    tags: str | None
    label: LabelColumn | None

    @property
    def columns(self) -> list[str]:
        """The columns that are read."""
        return [
            self.tokens,
            *self.other_columns,
            *([] if self.label is None else [self.label.name]),
        ]

    def sentence(self, row: DatasetRow, source: Source) -> Sentence:
        """Make a sentence of a row.

        Raises:
            FieldError: The row is malformed.
        """
        words = _strings(row[self.tokens], self.tokens)
        columns = {
            c: _values(row[c], names, c, len(words)) for c, names in self.other_columns.items()
        }
        spans = None
        if self.tags is not None:
            spans = spans_from_tags([_normalize(tag) for tag in columns[self.tags]])
        return Sentence(
            words,
            columns=columns,
            spans=spans,
            labels=None if self.label is None else self.label.labels(row),
            id=_id(row),
            source=source,
        )


@dataclass(frozen=True)
class TextRows:
    """Rows of texts with labels.

    Args:
        text: The column of texts.
        label: The column of their labels; None if there is none.
        tokenize: Cuts the texts into tokens.
    """

    text: str
    label: LabelColumn | None
    tokenize: Tokenize

    @property
    def columns(self) -> list[str]:
        """The columns that are read."""
        return [self.text, *([] if self.label is None else [self.label.name])]

    def sentence(self, row: DatasetRow, source: Source) -> Sentence:
        """Make a sentence of a row.

        Raises:
            FieldError: The row is malformed.
        """
        text = row[self.text]
        if not isinstance(text, str):
            raise FieldError(f"{self.text}: must be a string. Got {short(text)}.")
        labels = None if self.label is None else self.label.labels(row)
        rules = SpanRules()
        return text_sentence(text, None, source, self.tokenize, rules, labels=labels, id=_id(row))


def choose_rows(
    features: Mapping[str, Any],
    name: str,
    tokens: str | None,
    tags: str | None,
    target: str | None,
    tokenize: Tokenize,
) -> TokenRows | TextRows:
    """Find out what the columns of a data set hold.

    Args:
        features: The features of `datasets`, by column.
        name: What messages call the data set.
        tokens: The column of tokens or texts; `read_hub` explains this argument and the next ones.
        tags: The column of tags or labels.
        target: The column of labels of tokens to learn.
        tokenize: Cuts texts into tokens.

    Raises:
        DataError: A column does not exist, or holds something else.
    """
    for column in (tokens, tags):
        if column is not None and column not in features:
            raise DataError(
                f"{name}: the column must be one of {' '.join(features)}. Got {column!r}."
            )
    lists = {c: kind for c, f in features.items() if (kind := _token_kind(f)) is not None}
    word_lists = [column for column, kind in lists.items() if kind == "strings"]
    fitting = [column for column in word_lists if column not in LABEL_NAMES]
    chosen = tokens or _choose(TOKEN_LIST_NAMES, features, fitting)
    if chosen in word_lists:
        return _token_rows(features, name, chosen, lists, tags, target)
    label = _label_column(features, name, tags, lists=True)
    texts = [c for c, f in features.items() if _is_text(f) and not (label and c == label.name)]
    text = tokens or next((c for c in TEXT_NAMES if c in texts), None)
    if text is None and len(unnamed := [c for c in texts if c != "id"]) == 1:
        text = unnamed[0]
    if text not in texts:
        raise DataError(
            f"{name}: a column of tokens (lists of strings) or of texts (strings) must be named. "
            f"Got the columns {' '.join(features)}."
        )
    return TextRows(text, label, tokenize)


def _token_rows(
    features: Mapping[str, Any],
    name: str,
    tokens: str,
    lists: Mapping[str, Any],
    tags: str | None,
    target: str | None,
) -> TokenRows:
    labels_texts = tags is not None and _label_of(tags, features[tags], lists=False) is not None
    tag_column = None if labels_texts else tags
    if tags is None and target is None:
        classes = [column for column, kind in lists.items() if kind != "strings"]
        tag_column = _choose(TAG_LIST_NAMES, features, classes)
    if tag_column is not None and tag_column not in lists:
        raise DataError(
            f"{name}: tags must be strings, or classes (ClassLabel) that state their names. "
            f"Got {features[tag_column]} in {tag_column!r}."
        )
    other_columns = {
        c: None if kind == "strings" else kind for c, kind in lists.items() if c != tokens
    }
    label = _label_column(features, name, tags if labels_texts else None, lists=False)
    return TokenRows(tokens, other_columns, tag_column, label)


def _token_kind(feature: Any) -> Any:
    """What a column holds for each token: "strings", a list of class names, or None for neither."""
    element = getattr(feature, "feature", None)  # only a list has one
    if getattr(element, "dtype", None) in STRING_TYPES:
        return "strings"
    return getattr(element, "names", None)


def _is_text(feature: Any) -> bool:
    return getattr(feature, "dtype", None) in STRING_TYPES


def _label_of(column: str, feature: Any, *, lists: bool) -> LabelColumn | None:
    """Return a column as one of labels, or None if it cannot be one."""
    element = getattr(feature, "feature", None)
    inner = feature if element is None else element
    if (element is not None and not lists) or (
        getattr(inner, "dtype", None) not in (*STRING_TYPES, *INTEGER_TYPES)
    ):
        return None
    return LabelColumn(column, getattr(inner, "names", None), element is not None)


def _label_column(
    features: Mapping[str, Any], name: str, named: str | None, *, lists: bool
) -> LabelColumn | None:
    """Choose the column that is named, else one with a usual name, else the only one of classes."""
    fitting = {c: label for c, f in features.items() if (label := _label_of(c, f, lists=lists))}
    if named is not None:
        if named not in fitting:
            raise DataError(
                f"{name}: labels must be strings, whole numbers or classes (ClassLabel), or lists "
                f"of them. Got {features[named]} in {named!r}."
            )
        return fitting[named]
    usual = next((c for c in LABEL_NAMES if c in fitting), None)
    if usual is None:
        classes = [column for column in fitting.values() if column.classes is not None]
        return classes[0] if len(classes) == 1 else None
    # The names of numbers may be in a column of their own.
    spelt = f"{usual}_text"
    is_bare = (
        getattr(features[usual], "dtype", None) in INTEGER_TYPES and not fitting[usual].classes
    )
    return fitting[spelt] if is_bare and _is_text(features.get(spelt)) else fitting[usual]


def _choose(
    usual: Sequence[str], features: Mapping[str, Any], fitting: Collection[str]
) -> str | None:
    """Choose the column with a usual name, else the only one that fits."""
    for column in usual:
        if column in features:
            return column
    return next(iter(fitting)) if len(fitting) == 1 else None


def _id(row: DatasetRow) -> str | None:
    return None if row.get("id") is None else str(row["id"])


def _strings(values: Any, column: str) -> tuple[str, ...]:
    if not isinstance(values, list):
        raise FieldError(f"{column}: must be a list. Got {short(values)}.")
    if "" in values or not all(isinstance(value, str) for value in values):
        raise FieldError(f"{column}: must be strings, none of them empty. Got {short(values)}.")
    return tuple(values)


def _values(
    values: Any, classes: Sequence[str] | None, column: str, length: int
) -> tuple[str, ...]:
    """Check what a row holds for its tokens, and replace classes by their names."""
    if not isinstance(values, list) or len(values) != length:
        raise FieldError(
            f"{column}: must be a list of {length}, one per token. Got {short(values)}."
        )
    if classes is not None:
        return _class_names(values, classes, column)
    if not all(isinstance(value, str) for value in values):
        raise FieldError(f"{column}: must be strings. Got {short(values)}.")
    return tuple(values)


def _class_names(
    values: Sequence[int | None], classes: Sequence[str], column: str
) -> tuple[str, ...]:
    names: list[str] = []
    for value in values:
        # A negative number, which may mark a value to ignore, is not a name counted from the end.
        if value is None or not 0 <= value < len(classes):
            raise FieldError(
                f"{column}: must be classes from 0 to {len(classes) - 1}. Got {value}."
            )
        names.append(classes[value])
    return tuple(names)


def _normalize(tag: str) -> str:
    try:
        return normalize_tag(tag)
    except ValueError as error:
        raise FieldError(f"{error}. Got {tag!r}.") from None
