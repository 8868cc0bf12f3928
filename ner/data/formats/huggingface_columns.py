"""What the columns of a data set of Hugging Face hold, and its rows as sentences."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ner.data.formats.columns import (
    LABEL_NAMES,
    SPAN_NAMES,
    TAG_LIST_NAMES,
    TEXT_NAMES,
    TOKEN_LIST_NAMES,
)
from ner.data.formats.json_text import cell_value
from ner.data.formats.records import (
    SPAN_KEYS,
    SPAN_LABEL_KEYS,
    Tokenize,
    is_span_list,
    label_list,
    list_spans,
    text_sentence,
)
from ner.data.lines import short
from ner.data.schemes import normalize_tag, spans_from_tags
from ner.data.sentence import Sentence, Source
from ner.data.spans import CharSpan, FieldError, Notes, SpanRules
from ner.errors import DataError

STRING_TYPES = ("string", "large_string")
INTEGER_TYPES = tuple(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64))

# A row of a data set: its values by the names of the columns.
DatasetRow = Mapping[str, Any]


@dataclass(frozen=True)
class NamedColumns:
    """The columns that the caller names; None leaves the choice to their names and types.

    Args:
        tokens: The column of tokens, or of texts.
        tags: The column of tags, or of labels of texts, or of spans.
        label: The column of labels of texts, if `tags` names another one.
        spans: The column of spans of texts.
        target: A column of labels of tokens to learn as they are; no column is taken for tags then.
    """

    tokens: str | None = None
    tags: str | None = None
    label: str | None = None
    spans: str | None = None
    target: str | None = None


@dataclass(frozen=True)
class SpanColumn:
    """A column with the spans of a text: a list of structures, or JSON.

    Args:
        name: The name of the column.
        classes: The names of the numbers that are labels; None if labels are strings.
    """

    name: str
    classes: Sequence[str] | None

    def spans(self, row: DatasetRow, notes: Notes) -> list[CharSpan] | None:
        """Read the spans of a row; None if it is not annotated.

        Raises:
            FieldError: The row holds something else.
        """
        value = row[self.name]
        if value is None or value == "":
            return None
        if isinstance(value, str):
            value = cell_value(value)
        if isinstance(value, dict):  # a list for each field
            fields = list(value)
            value = [
                dict(zip(fields, one, strict=True)) for one in zip(*value.values(), strict=True)
            ]
        if not is_span_list(value):
            raise FieldError(f"{self.name}: must be a list of spans. Got {short(row[self.name])}.")
        return list(list_spans(map(self._with_label, value), notes))

    def _with_label(self, item: Any) -> Any:
        """Replace a number by the name of its class."""
        if self.classes is None or not isinstance(item, dict):
            return item
        key = next(key for key in SPAN_LABEL_KEYS if key in item)
        return {**item, key: _class_names([item[key]], self.classes, f"{self.name}.{key}")[0]}


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
    def roles(self) -> dict[str, str]:
        """The names of columns by what they hold."""
        label = None if self.label is None else self.label.name
        return _known(tokens=self.tokens, tags=self.tags, label=label)

    @property
    def columns(self) -> list[str]:
        """The columns that are read."""
        return [*self.roles.values(), *self.other_columns]

    def fitting(self, rows: Sequence[DatasetRow], target: str | None) -> "TokenRows":
        """Leave out lists of strings that hold nothing for each token, by the first rows.

        WikiANN, for example, lists the entities of a sentence in such a column.
        """

        def fits(column: str) -> bool:
            counts = [len(row[column] or ()) == len(row[self.tokens] or ()) for row in rows]
            return 2 * sum(counts) >= len(counts)

        kept = {
            column: classes
            for column, classes in self.other_columns.items()
            if classes is not None or column in (self.tags, target) or fits(column)
        }
        return replace(self, other_columns=kept)

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
        spans: The column of their spans; None if there is none.
        tokenize: Cuts the texts into tokens.
        rules: What to do with spans that are not whole tokens, or overlap.
    """

    text: str
    label: LabelColumn | None
    spans: SpanColumn | None
    tokenize: Tokenize
    rules: SpanRules

    @property
    def roles(self) -> dict[str, str]:
        """The names of columns by what they hold."""
        label, spans = (c and c.name for c in (self.label, self.spans))
        return _known(text=self.text, label=label, spans=spans)

    @property
    def columns(self) -> list[str]:
        """The columns that are read."""
        return list(self.roles.values())

    def sentence(self, row: DatasetRow, source: Source) -> Sentence:
        """Make a sentence of a row.

        Raises:
            FieldError: The row is malformed.
        """
        text = row[self.text]
        if not isinstance(text, str):
            raise FieldError(f"{self.text}: must be a string. Got {short(text)}.")
        labels = None if self.label is None else self.label.labels(row)
        spans = None if self.spans is None else self.spans.spans(row, self.rules.notes)
        return text_sentence(
            text, spans, source, self.tokenize, self.rules, labels=labels, id=_id(row)
        )


def choose_rows(
    features: Mapping[str, Any],
    name: str,
    named: NamedColumns,
    tokenize: Tokenize,
    rules: SpanRules,
) -> TokenRows | TextRows:
    """Find out what the columns of a data set hold.

    Args:
        features: The features of `datasets`, by column.
        name: What messages call the data set.
        named: The columns that the caller names.
        tokenize: Cuts texts into tokens.
        rules: What to do with spans of texts that are not whole tokens, or overlap.

    Raises:
        DataError: A column does not exist, or holds something else.
    """
    for column in (named.tokens, named.tags, named.label, named.spans):
        if column is not None and column not in features:
            raise DataError(
                f"{name}: the column must be one of {' '.join(features)}. Got {column!r}."
            )
    lists = {c: kind for c, f in features.items() if (kind := _token_kind(f)) is not None}
    word_lists = [column for column, kind in lists.items() if kind == "strings"]
    fitting = [column for column in word_lists if column not in (*LABEL_NAMES, *SPAN_NAMES)]
    chosen = named.tokens or _choose(TOKEN_LIST_NAMES, features, fitting)
    if chosen in word_lists:
        return _token_rows(features, name, chosen, lists, named)
    return _text_rows(features, name, named, tokenize, rules)


def _text_rows(
    features: Mapping[str, Any],
    name: str,
    named: NamedColumns,
    tokenize: Tokenize,
    rules: SpanRules,
) -> TextRows:
    spans = _span_column(features, name, named)
    tags = None if spans is not None and spans.name == named.tags else named.tags
    others = {c: f for c, f in features.items() if spans is None or c != spans.name}
    label = _label_column(others, name, named.label or tags, lists=True)
    texts = [c for c, f in others.items() if _is_text(f) and not (label and c == label.name)]
    text = named.tokens or next((c for c in TEXT_NAMES if c in texts), None)
    if text is None and len(unnamed := [c for c in texts if c != "id"]) == 1:
        text = unnamed[0]
    if text not in texts:
        raise DataError(
            f"{name}: a column of tokens (lists of strings) or of texts (strings) must be named. "
            f"Got the columns {' '.join(features)}."
        )
    return TextRows(text, label, spans, tokenize, rules)


def _token_rows(
    features: Mapping[str, Any],
    name: str,
    tokens: str,
    lists: Mapping[str, Any],
    named: NamedColumns,
) -> TokenRows:
    tags = named.tags
    labels_texts = tags is not None and _label_of(tags, features[tags], lists=False) is not None
    tag_column = None if labels_texts else tags
    if tags is None and named.target is None:
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
    named_label = named.label or (tags if labels_texts else None)
    label = _label_column(features, name, named_label, lists=False)
    return TokenRows(tokens, other_columns, tag_column, label)


def _span_column(features: Mapping[str, Any], name: str, named: NamedColumns) -> SpanColumn | None:
    """Choose the column of spans that is named, else one with a usual name, else the only one."""
    structures = {c: fields for c, f in features.items() if (fields := _span_fields(f)) is not None}
    usual = [c for c in SPAN_NAMES if c in structures or _is_text(features.get(c))]
    chosen = named.spans or (named.tags if named.tags in (*structures, *usual) else None)
    if chosen is None and named.tags is None:
        chosen = _choose(usual, features, structures)
    if chosen is None:
        return None
    if chosen not in structures and not _is_text(features[chosen]):
        raise DataError(
            f"{name}: spans must be lists of structures with start, end and label, or JSON. "
            f"Got {features[chosen]} in {chosen!r}."
        )
    fields = structures.get(chosen, {})
    label = next((fields[key] for key in SPAN_LABEL_KEYS if key in fields), None)
    classes = getattr(label, "feature", label)  # that of a list, if each field is one
    return SpanColumn(chosen, getattr(classes, "names", None))


def _span_fields(feature: Any) -> Mapping[str, Any] | None:
    """Return the fields of the spans that a column holds; None if it holds something else."""
    # A list of structures, or a structure of lists.
    fields = feature if isinstance(feature, dict) else getattr(feature, "feature", None)
    if not isinstance(fields, dict):
        return None
    has = [any(key in fields for key in keys) for keys in (SPAN_KEYS[:2], SPAN_KEYS[2:4])]
    return fields if all(has) and any(key in fields for key in SPAN_LABEL_KEYS) else None


def _known(**columns: str | None) -> dict[str, str]:
    return {role: column for role, column in columns.items() if column is not None}


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
