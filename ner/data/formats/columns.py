"""What the columns of a file of tokens are, and rows of it cut into them."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ner.choices import Spelling
from ner.data.partial import allowed_from_tags, is_partial, normalize_partial, tags_from_allowed
from ner.data.schemes import spans_from_tags, spelled_tags
from ner.data.sentence import Sentence
from ner.errors import ConfigError, DataError

DOCUMENT_BOUNDARY = "-DOCSTART-"

# Blanks and tabs alone: str.split() would also cut tokens at NBSP, U+3000 and U+2028.
BLANKS = " \t"

RUN_OF_BLANKS = re.compile(r"[ \t]+")

# The fields of a row, and its tag with B, I, E, S.
Row = tuple[list[str], str]


@dataclass
class Layout:
    """What the columns are. What the caller left open is settled by the first row.

    Args:
        columns: Their names; None where the caller does not know.
        tags: The column that holds tags; None where none does.
        last: What the last column is called where `columns` do not say; by default `tags`.
    """

    columns: Sequence[str] | None
    tags: str | None
    last: str | None = None
    names: list[str] = field(default_factory=list)
    token_column: int = 0
    tag_column: int | None = None
    separator: str = " "
    normalized: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.columns is None:
            return
        named = [column for column in self.columns if column != "-"]
        if named.count("token") != 1 or len(set(named)) != len(named):
            raise ConfigError(
                "columns: one of them must be 'token', and none may come twice. "
                f"Got {' '.join(self.columns)!r}."
            )
        self.token_column = list(self.columns).index("token")

    def is_boundary(self, line: str) -> bool:
        """Whether a line begins a document."""
        if DOCUMENT_BOUNDARY not in line:
            return False
        fields = RUN_OF_BLANKS.split(line)
        return DOCUMENT_BOUNDARY in (fields[0], *fields[self.token_column : self.token_column + 1])

    def settle(self, first_row: str) -> None:
        """Find out what the caller left open."""
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
        """Do what `read_row` does for rows that look as those before, in a third of the time.

        Returns:
            None where something about some row is new or wrong, or its blanks are not single.
        """
        text = "\n".join(["", *lines])
        if self.separator == " " and any(odd in text for odd in ("\t", "  ", "\n ")):
            return None
        fields = [line.split(self.separator) for line in lines]
        if set(map(len, fields)) != {len(self.names)}:
            return None
        if "" in [row[self.token_column] for row in fields]:
            return None
        if self.tag_column is None:
            return [(row, "O") for row in fields]
        try:
            return [(row, self.normalized[row[self.tag_column]]) for row in fields]
        except KeyError:
            return None

    def read_row(self, line: str, where: str, is_first: bool) -> Row:
        """Cut a row into its columns, and spell its tag with B, I, E, S ("O" if it has none)."""
        if not self.names:
            self.settle(line)
        return self.check_row(self.cut(line), where, line, is_first)

    def check_row(self, fields: list[str], where: str, line: str, is_first: bool = False) -> Row:
        """Check the columns of a row, and spell its tag with B, I, E, S ("O" if it has none)."""
        if len(fields) != len(self.names):
            count = "1 column" if len(fields) == 1 else f"{len(fields)} columns"
            raise DataError(f"{where}: {count}, {self._but_expected(is_first)}")
        if not fields[self.token_column]:
            raise DataError(f"{where}: a token must not be empty. Got {line!r}.")
        if self.tag_column is None:
            return fields, "O"
        return fields, self._normalize(fields[self.tag_column], where)

    def _but_expected(self, is_first: bool) -> str:
        count = len(self.names)
        if self.columns is not None:
            expected = f"{count} are named ({' '.join(self.columns)})"
        else:
            expected = f"the {'rows before have' if is_first else 'line before has'} {count}"
        separators = (
            "single tabs, as in the first row" if self.separator == "\t" else "spaces or tabs"
        )
        return f"but {expected}. Columns are separated by {separators}."

    def _normalize(self, tag: str, where: str) -> str:
        # A file has few distinct tags: each is checked once.
        if tag not in self.normalized:
            try:
                self.normalized[tag] = normalize_partial(tag)
            except ValueError as error:
                raise DataError(f"{where}: {error}. Got {tag!r}.") from None
        return self.normalized[tag]

    def sentence(self, rows: Sequence[Row], **known: Any) -> Sentence:
        """Make a sentence of rows that `read_row` read, and of what else is known."""
        by_name = dict(
            zip(self.names, zip(*(fields for fields, _ in rows), strict=True), strict=True)
        )
        by_name.pop("-", None)
        tokens = by_name.pop("token")
        tags = [tag for _, tag in rows]
        if self.tag_column is not None:
            different = set(tags)
            if any(map(is_partial, different)):
                known["allowed"] = allowed_from_tags(tags)
            else:
                known["spans"] = spans_from_tags(tags) if different != {"O"} else ()
        return Sentence(tokens, columns=by_name, **known)


def sentence_tags(sentence: Sentence, spelling: Spelling) -> list[str]:
    """Give the predicted tags of a sentence, or else the gold ones, which may be partial.

    Where nobody annotated the sentence, every tag is O.
    """
    spans = sentence.found_spans
    if spans is None and sentence.allowed is not None:
        return tags_from_allowed(sentence.allowed)
    return spelled_tags(spans or (), len(sentence), spelling)


def token_columns(
    sentence: Sentence, columns: Iterable[str], spelling: Spelling | None, where: str
) -> list[Sequence[str]]:
    """Give the columns of a file with a token a row: tokens, further columns, and tags.

    Args:
        sentence: What to write.
        columns: Names of its further columns.
        spelling: Of the tags; None leaves them out.
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
        found.append(sentence_tags(sentence, spelling))
    return found
