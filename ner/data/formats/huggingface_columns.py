"""Which columns of a data set of Hugging Face hold what, and what its rows are as sentences."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ner.data.formats.csv_tables import LABELS, TEXT
from ner.data.formats.records import Tokenize, label_list, text_sentence
from ner.data.lines import short
from ner.data.schemes import normalize_tag, spans_from_tags
from ner.data.sentence import Sentence, Source
from ner.data.spans import FieldError, SpanRules
from ner.errors import DataError

TOKEN_COLUMNS = ("tokens", "words")

TAG_COLUMNS = ("ner_tags", "tags")

STRINGS = ("string", "large_string")

INTEGERS = tuple(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64))

Row = Mapping[str, Any]


@dataclass(frozen=True)
class LabelColumn:
    """A column with the label of a text, or with a list of labels.

    Args:
        name: Of the column.
        classes: What its numbers stand for; None where it holds the labels themselves.
        many: Whether it holds lists.
    """

    name: str
    classes: Sequence[str] | None
    many: bool

    def labels(self, row: Row) -> tuple[str, ...] | None:
        """Read the labels of a row; None where there are none.

        Raises:
            FieldError: They are not what they should be.
        """
        value = row[self.name]
        if value is None:
            return None
        values = value if self.many else [value]
        if self.classes is not None:
            return _class_names(values, self.classes, self.name)
        return label_list(values, self.name)


@dataclass(frozen=True)
class TokenRows:
    """Rows of tokens, and of strings or classes that belong to them.

    Args:
        tokens: The column of tokens.
        others: The other columns, for classes with their names, else None.
        tags: That one of them which holds the tags of entities.
        label: The column with the label of the whole row.
    """

    tokens: str
    others: Mapping[str, Sequence[str] | None]
    tags: str | None
    label: LabelColumn | None

    @property
    def columns(self) -> list[str]:
        """The columns that are read."""
        return [self.tokens, *self.others, *([] if self.label is None else [self.label.name])]

    def sentence(self, row: Row, source: Source) -> Sentence:
        """Make a sentence of a row.

        Raises:
            FieldError: The row is malformed.
        """
        words = _strings(row[self.tokens], self.tokens)
        columns = {c: _values(row[c], names, c, len(words)) for c, names in self.others.items()}
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
        tokenize: Cuts the texts.
    """

    text: str
    label: LabelColumn | None
    tokenize: Tokenize

    @property
    def columns(self) -> list[str]:
        """The columns that are read."""
        return [self.text, *([] if self.label is None else [self.label.name])]

    def sentence(self, row: Row, source: Source) -> Sentence:
        """Make a sentence of a row.

        Raises:
            FieldError: The row is malformed.
        """
        text = row[self.text]
        if not isinstance(text, str):
            raise FieldError(f"{self.text}: a string. Got {short(text)}.")
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
        features: Of `datasets`, by column.
        name: What messages call the data set.
        tokens: The column of tokens or texts; see `read_hub` for this and all that follows.
        tags: The column of tags or labels.
        target: The column of labels of tokens that is to be learnt.
        tokenize: Cuts texts.

    Raises:
        DataError: A column is not there, or holds what it should not.
    """
    for named in (tokens, tags):
        if named is not None and named not in features:
            raise DataError(f"{name}: its columns are {' '.join(features)}. Got {named!r}.")
    lists = {c: kind for c, f in features.items() if (kind := _token_kind(f)) is not None}
    word_lists = [column for column, kind in lists.items() if kind == "strings"]
    found = tokens or _choose(TOKEN_COLUMNS, features, [c for c in word_lists if c not in LABELS])
    if found in word_lists:
        return _token_rows(features, name, found, lists, tags, target)
    label = _label_column(features, name, tags, lists=True)
    texts = [c for c, f in features.items() if _is_text(f) and not (label and c == label.name)]
    text = tokens or next((c for c in TEXT if c in texts), None)
    if text is None and len(others := [c for c in texts if c != "id"]) == 1:
        text = others[0]
    if text not in texts:
        raise DataError(
            f"{name}: a column of tokens (lists of strings) or of texts (strings) must be named. "
            f"Its columns are {' '.join(features)}."
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
        tag_column = _choose(TAG_COLUMNS, features, classes)
    if tag_column is not None and tag_column not in lists:
        raise DataError(
            f"{name}: tags must be strings, or classes (ClassLabel) that state their names. "
            f"Got {features[tag_column]} in {tag_column!r}."
        )
    others = {c: None if kind == "strings" else kind for c, kind in lists.items() if c != tokens}
    label = _label_column(features, name, tags if labels_texts else None, lists=False)
    return TokenRows(tokens, others, tag_column, label)


def _token_kind(feature: Any) -> Any:
    """What a column gives each token: "strings", a list of class names, or None for neither."""
    element = getattr(feature, "feature", None)  # only a list has one
    if getattr(element, "dtype", None) in STRINGS:
        return "strings"
    return getattr(element, "names", None)


def _is_text(feature: Any) -> bool:
    return getattr(feature, "dtype", None) in STRINGS


def _label_of(column: str, feature: Any, *, lists: bool) -> LabelColumn | None:
    """Take a column for one of labels, if it may be one."""
    element = getattr(feature, "feature", None)
    inner = feature if element is None else element
    if (element is not None and not lists) or (
        getattr(inner, "dtype", None) not in (*STRINGS, *INTEGERS)
    ):
        return None
    return LabelColumn(column, getattr(inner, "names", None), element is not None)


def _label_column(
    features: Mapping[str, Any], name: str, named: str | None, *, lists: bool
) -> LabelColumn | None:
    """Take the column that was named, else one with a usual name, else the only one of classes."""
    fitting = {c: found for c, f in features.items() if (found := _label_of(c, f, lists=lists))}
    if named is not None:
        if named not in fitting:
            raise DataError(
                f"{name}: labels must be strings, whole numbers or classes (ClassLabel), or lists "
                f"of them. Got {features[named]} in {named!r}."
            )
        return fitting[named]
    usual = next((c for c in LABELS if c in fitting), None)
    if usual is None:
        classes = [column for column in fitting.values() if column.classes is not None]
        return classes[0] if len(classes) == 1 else None
    # Numbers without names may have them in a column of their own.
    spelt = f"{usual}_text"
    is_bare = getattr(features[usual], "dtype", None) in INTEGERS and not fitting[usual].classes
    return fitting[spelt] if is_bare and _is_text(features.get(spelt)) else fitting[usual]


def _choose(
    usual: Sequence[str], features: Mapping[str, Any], fitting: Collection[str]
) -> str | None:
    """Take the column with a usual name, else the only one that fits."""
    for column in usual:
        if column in features:
            return column
    return next(iter(fitting)) if len(fitting) == 1 else None


def _id(row: Row) -> str | None:
    return None if row.get("id") is None else str(row["id"])


def _strings(values: Any, column: str) -> tuple[str, ...]:
    if not isinstance(values, list):
        raise FieldError(f"{column}: a list. Got {short(values)}.")
    if "" in values or not all(isinstance(value, str) for value in values):
        raise FieldError(f"{column}: strings, and no empty token. Got {short(values)}.")
    return tuple(values)


def _values(
    values: Any, classes: Sequence[str] | None, column: str, length: int
) -> tuple[str, ...]:
    """Check what a row gives its tokens, and give classes their names."""
    if not isinstance(values, list) or len(values) != length:
        raise FieldError(f"{column}: a list of {length}, one a token. Got {short(values)}.")
    if classes is not None:
        return _class_names(values, classes, column)
    if not all(isinstance(value, str) for value in values):
        raise FieldError(f"{column}: strings. Got {short(values)}.")
    return tuple(values)


def _class_names(
    values: Sequence[int | None], classes: Sequence[str], column: str
) -> tuple[str, ...]:
    names: list[str] = []
    for value in values:
        # A negative number, by which some mark what to ignore, is no name from the end.
        if value is None or not 0 <= value < len(classes):
            raise FieldError(f"{column}: classes from 0 to {len(classes) - 1}. Got {value}.")
        names.append(classes[value])
    return tuple(names)


def _normalize(tag: str) -> str:
    try:
        return normalize_tag(tag)
    except ValueError as error:
        raise FieldError(f"{error}. Got {tag!r}.") from None
