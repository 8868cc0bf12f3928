"""Columns: their usual names, and the layout and rows of files with a token on each row."""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ner.choices import Spelling
from ner.data.lines import short
from ner.data.partial import OR, UNKNOWN, NormalizedTags, annotation_from_tags
from ner.data.sentence import Sentence
from ner.errors import ConfigError, DataError

# Usual names of columns in headers and of fields in records, as `plain_name` spells them. The first
# name of each is the one that is written.
SENTENCE_NAMES = ("sentence", "sentence_id", "sentence_idx", "sentence_index", "sentence_number",
                  "sentence_no", "sent_id", "sent_idx", "sent")  # fmt: skip
TOKEN_NAMES = ("token", "word", "form", "tokens", "words")
TAG_NAMES = ("ner", "tag", "tags", "ner_tag", "ner_tags", "label", "labels", "entity", "iob")
TEXT_NAMES = ("text", "sentence", "review", "content", "tweet", "comment", "message", "body",
              "post", "utterance", "question", "query", "headline", "title", "description",
              "review_text", "tweet_text", "comment_text", "full_text")  # fmt: skip
SPAN_NAMES = ("spans", "entities")
LABEL_NAMES = ("label", "labels", "class", "category", "sentiment", "target", "stars", "rating",
               "topic", "intent", "emotion", "genre", "polarity", "score", "class_index",
               "categories")  # fmt: skip

# The same for lists with an item for each token.
TOKEN_LIST_NAMES = ("tokens", "words")
TAG_LIST_NAMES = ("ner_tags", "tags")
DOCUMENT_BOUNDARY = "-DOCSTART-"

# Names that say what a column holds; a reader need not say how it understands them.
CLEAR_NAMES = {
    "text": ("text", "sentence"),
    "token": TOKEN_NAMES,
    "tokens": TOKEN_NAMES,
    "sentence": SENTENCE_NAMES,
    "tags": ("ner", "tag", "tags", "ner_tag", "ner_tags"),
    "spans": SPAN_NAMES,
    "label": ("label", "labels", "class", "category", "sentiment"),
    "id": ("id",),
    "document": ("document",),
}
ANNOTATION_ROLES = ("tags", "spans", "label")

# A tag of a token in any scheme.
TAG = re.compile(r"O|[BIESLUM]-.+")

# What notes call comments.
COMMENTS = "comments"

# What a comment begins with. Columns between blanks are no row if they begin with a key.
COMMENT = "#"
KEY_COMMENT = re.compile(r"#+ *[\w.:-]+ *= ")
GLUED_COMMENT = re.compile(r"##+\w")

# What the labels of tokens usually look like, and names of sentences do not: NN, SYM, #.
LABEL_SHAPE = re.compile(r"[^a-z0-9]+")

# Only blanks and tabs: str.split() would also split tokens at NBSP, U+3000 and U+2028.
BLANKS = " \t"
RUN_OF_BLANKS = re.compile(r"[ \t]+")
OTHER_THAN_WORDS = re.compile(r"[\W_]+")

# The fields of a row, and its tag with B, I, E, S.
Row = tuple[list[str], str]


def plain_name(name: str) -> str:
    """Spell the name of a column in small letters, with single underscores between words.

    >>> plain_name("Sentence #"), plain_name("Review-Text")
    ('sentence', 'review_text')
    """
    return OTHER_THAN_WORDS.sub("_", name.lower()).strip("_")


def guess_of(
    roles: Mapping[str, str], named: Collection[str], names: Collection[str]
) -> Iterator[str]:
    """Yield a line for users about what columns are taken for, if their names do not say it.

    Args:
        roles: The names of the columns that are read, by what they hold.
        named: What the user named the columns of.
        names: The names of all columns.
    """
    guessed = {r: n for r, n in roles.items() if r not in named}
    if any(plain_name(name) not in CLEAR_NAMES[role] for role, name in guessed.items()):
        shown = ", ".join(f"{name!r} as {role}" for role, name in guessed.items())
        yield f"by their names, columns are read so: {shown}. --columns names others: label=NAME."
    others = [name for name in names if name not in roles.values()]
    if "text" in roles and others and not any(role in roles for role in ANNOTATION_ROLES):
        yield (
            f"no column is read as annotation. Got {short(others)} besides the text. If one of "
            "them is, --columns must name it, as in label=NAME."
        )


@dataclass
class Layout:
    """The columns of a file. The first row decides what the caller left open.

    Args:
        columns: The names of the columns; None if the caller does not know them.
        tags: The column of tags; None if there is none.
        last: The name of the last column if `columns` is None; by default `tags`.
    """

    columns: Sequence[str] | None
    tags: str | None
    last: str | None = None
    names: list[str] = field(default_factory=list)
    token_column: int = 0
    tag_column: int | None = None
    separator: str = " "
    normalized: NormalizedTags = field(default_factory=NormalizedTags)
    # Whether the first sentence of the file has comments; None before it is read.
    has_comments: bool | None = None

    def __post_init__(self) -> None:
        if self.columns is None:
            return
        named = [column for column in self.columns if column != "-"]
        if named.count("token") != 1 or len(set(named)) != len(named):
            raise ConfigError(
                "columns: one column must be 'token', and no name may be repeated. "
                f"Got {' '.join(self.columns)!r}."
            )
        self.token_column = list(self.columns).index("token")

    def is_boundary(self, line: str) -> bool:
        """Whether a line begins a document."""
        if DOCUMENT_BOUNDARY not in line:
            return False
        fields = RUN_OF_BLANKS.split(line)
        return DOCUMENT_BOUNDARY in (fields[0], *fields[self.token_column : self.token_column + 1])

    def count_comments(self, lines: Sequence[str]) -> int:
        """Count the comments before a sentence, or those that are between two sentences.

        A comment begins with #. So may a token: a line is a row if it has as many columns as the
        rows after it, and a tag where they have tags. Without tags, a # with a blank behind it is a
        token, unless the first sentence of the file has such a line and the last column looks
        like no label.

        Args:
            lines: The lines up to a blank line.
        """
        if not lines[0].startswith(COMMENT):
            self.has_comments = bool(self.has_comments)
            return 0
        marked = next((i for i, x in enumerate(lines) if not x.startswith(COMMENT)), len(lines))
        looks_like_row = self._row_test(lines[0], lines[marked:])
        count = next((i for i in range(marked) if looks_like_row(lines[i])), marked)
        if self.has_comments is None:
            self.has_comments = count > 0
        return count

    def _row_test(self, first: str, rows: Sequence[str]) -> Callable[[str], bool]:
        """Return a function that tells a row that begins with # from a comment before `rows`."""
        layout = self
        if not self.names:
            layout = Layout(self.columns, self.tags, self.last)
            layout.settle(rows[0] if rows else first)
        is_known = bool(rows or self.names or self.columns is not None)
        fields = [row for row in map(layout.cut, rows) if len(row) == len(layout.names)]
        tagged = [layout.tag_column] if layout.tag_column is not None else []
        if not tagged:
            columns = list(zip(*fields, strict=True))
            others = [i for i in range(len(columns)) if i != layout.token_column]
            tagged = [i for i in others if all(map(self._is_tag, columns[i]))]

        def looks_like_row(line: str) -> bool:
            found = layout.cut(line)
            has_key = layout.separator == " " and KEY_COMMENT.match(line)
            if has_key or len(found) != len(layout.names):
                return False
            if layout.tag_column is not None and found[layout.tag_column] == UNKNOWN:
                return True
            if tagged or not is_known:
                return len(found) > 1 and all(self._is_tag(found[i]) for i in tagged or [-1])
            if found[0].strip(COMMENT) or len(found) == 1:
                return not GLUED_COMMENT.match(line)
            is_label = LABEL_SHAPE.fullmatch(found[-1]) or found[-1] in [row[-1] for row in fields]
            return self.has_comments is False or bool(is_label)

        return looks_like_row

    def _is_tag(self, value: str) -> bool:
        try:
            return self.normalized[value] != UNKNOWN
        except ValueError:
            return False

    def settle(self, first_row: str) -> None:
        """Take from the first row what the caller left open."""
        self.separator = "\t" if "\t" in first_row else " "
        if self.columns is None:
            count = len(self.cut(first_row))
            self.names = ["token", *(f"column{i}" for i in range(2, count + 1))]
            last = self.last or self.tags
            if last is not None and count > 1:
                self.names[-1] = last
        else:
            self.names = list(self.columns)
        if self.tags in self.names:
            self.tag_column = self.names.index(self.tags)

    def cut(self, line: str) -> list[str]:
        """Cut a line into its fields."""
        if self.separator == "\t":
            return line.split("\t")
        return RUN_OF_BLANKS.split(line.lstrip(BLANKS))

    def read_plain_rows(self, lines: Sequence[str]) -> list[Row] | None:
        """Do the work of `read_row` for regular rows, in a third of the time.

        Returns:
            None if a row is wrong, or if its blanks are not single.
        """
        text = "\n".join(["", *lines])
        if self.separator == " " and any(odd in text for odd in ("\t", "  ", "\n ")):
            return None
        return self.check_plain_rows([line.split(self.separator) for line in lines])

    def check_plain_rows(self, fields: list[list[str]]) -> list[Row] | None:
        """Do the work of `check_row` for many rows; None if one of them is wrong."""
        if set(map(len, fields)) != {len(self.names)}:
            return None
        if "" in [row[self.token_column] for row in fields]:
            return None
        if self.tag_column is None:
            return [(row, "O") for row in fields]
        try:
            return [(row, self.normalized[row[self.tag_column]]) for row in fields]
        except ValueError:
            return None

    def read_row(self, line: str, where: str, is_first: bool) -> Row:
        """Cut a row into its columns, and normalize its tag ("O" if it has none)."""
        if not self.names:
            self.settle(line)
        return self.check_row(self.cut(line), where, line, is_first)

    def check_row(self, fields: list[str], where: str, line: str, is_first: bool = False) -> Row:
        """Check the columns of a row, and normalize its tag ("O" if it has none)."""
        if len(fields) != len(self.names):
            raise DataError(f"{where}: {count_columns(fields)}, {self._but_expected(is_first)}")
        if not fields[self.token_column]:
            raise DataError(f"{where}: a token must not be empty. Got {line!r}.")
        if self.tag_column is None:
            return fields, "O"
        try:
            return fields, self.normalized[fields[self.tag_column]]
        except ValueError as error:
            raise DataError(
                f"{where}: {error} Labels without prefixes are learned with "
                f"--task tag --target {self.tags}."
            ) from None

    def _but_expected(self, is_first: bool) -> str:
        count = len(self.names)
        if self.columns is not None:
            expected = f"{count} are named ({' '.join(self.columns)})"
        else:
            expected = f"the {'rows before have' if is_first else 'line before has'} {count}"
        separators = (
            "single tabs, as in the first row" if self.separator == "\t" else "spaces or tabs"
        )
        hint = " Name those of this file with --columns." if self.columns is not None else ""
        return f"but {expected}. Columns are separated by {separators}.{hint}"

    def sentence(self, rows: Sequence[Row], **fields: Any) -> Sentence:
        """Make a sentence of rows that `read_row` read, and of its other fields."""
        by_name = dict(
            zip(self.names, zip(*(values for values, _ in rows), strict=True), strict=True)
        )
        by_name.pop("-", None)
        tokens = by_name.pop("token")
        if self.tag_column is not None:
            fields |= annotation_from_tags([tag for _, tag in rows])
        return Sentence(tokens, columns=by_name, **fields)


def count_columns(fields: Sequence[str]) -> str:
    """The number of columns that a row has, in words."""
    return "1 column" if len(fields) == 1 else f"{len(fields)} columns"


def sentence_tags(sentence: Sentence, spelling: Spelling, where: str) -> list[str]:
    """Return the predicted tags of a sentence, or else the gold tags, which may be partial.

    If nobody annotated the sentence, every tag is O. Messages call the sentence `where`.

    Raises:
        DataError: A label holds what is between tags of which one is right.
    """
    check_no_or(sentence, where)
    is_annotated = sentence.found_spans is not None or sentence.allowed is not None
    return sentence.tags(spelling) if is_annotated else ["O"] * len(sentence)


def check_no_or(sentence: Sentence, where: str) -> None:
    """Refuse a sentence whose tags would be read as partial annotation.

    Raises:
        DataError: A label holds what is between tags of which one is right.
    """
    spans = sentence.found_spans
    labels = {span.label for span in spans or ()}
    if spans is None and sentence.allowed is not None:
        labels = {tag for tags in sentence.allowed for tag in tags}
    wrong = next((label for label in sorted(labels) if OR in label), None)
    if wrong is not None:
        raise DataError(
            f"{where}: where annotation is written as tags, a label must "
            f"not hold {OR}, which is between the tags that a token may have. Got {wrong!r}."
        )


def token_columns(
    sentence: Sentence, columns: Iterable[str], spelling: Spelling | None, where: str
) -> list[Sequence[str]]:
    """Return the columns of a file with a token on each row: tokens, other columns, tags.

    Args:
        sentence: The sentence to write.
        columns: The names of its other columns.
        spelling: The spelling of the tags; None leaves them out.
        where: What messages call the sentence.

    Raises:
        DataError: The sentence lacks a column.
    """
    found: list[Sequence[str]] = [sentence.tokens]
    for name in columns:
        if name not in sentence.columns:
            raise DataError(f"{where}: has no column {name!r}, which others have.")
        found.append(sentence.columns[name])
    if spelling is not None:
        found.append(sentence_tags(sentence, spelling, where))
    return found
