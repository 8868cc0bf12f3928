"""CoNLL-U: ten columns, words inside multi-word tokens, and the raw text by its spaces.

The tokens of a sentence are its syntactic words. Their places in the text are the true ones: the
comment `# text` tells what is between them, or else SpaceAfter and SpacesAfter do. A multi-word
token is cut at its words if the words, joined, spell it; otherwise each of its words has the range
of the whole token. Empty nodes are not tokens. The other columns become columns of the sentence:
lemma, upos, xpos, feats, head, deprel, deps and misc.

Entities are in MISC (`NER=B-PER`). Every word of an annotated sentence is written with a `NER=`, a
text on one line is also written as `# text`, and words that share one range of the text are written
as a multi-word token.

Source: https://universaldependencies.org/format.html. `SpacesBefore` and `SpacesAfter`, with their
escapes, are those of UDPipe.
"""

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ner.choices import Spelling
from ner.data.formats.base import (
    DOCUMENTS,
    IDS,
    SPACING,
    SPANS,
    TOKENS,
    Format,
    WriteOptions,
    sentence_name,
)
from ner.data.formats.columns import BLANKS, COMMENTS, count_columns, sentence_tags
from ner.data.formats.options import ReadOptions
from ner.data.formats.records import NumberedLine, build_sentences, line_blocks
from ner.data.lines import input_name, read_lines, replace_surrogates
from ner.data.partial import NormalizedTags, annotation_from_tags
from ner.data.sentence import Sentence, Source
from ner.data.spans import Notes
from ner.errors import DataError

# The names of the last eight columns. "misc" loses what other fields of the sentence hold.
COLUMN_NAMES = ("lemma", "upos", "xpos", "feats", "head", "deprel", "deps", "misc")

# Keys in MISC.
ENTITY_KEY = "NER"
SPACING_KEYS = ("SpaceAfter", "SpacesAfter", "SpacesBefore")
ESCAPES = {"\\s": " ", "\\t": "\t", "\\r": "\r", "\\n": "\n", "\\p": "|", "\\\\": "\\"}
ESCAPED = str.maketrans({character: escape for escape, character in ESCAPES.items()})

WORD_ID, RANGE_ID, EMPTY_ID = (
    re.compile(pattern) for pattern in (r"[0-9]+", r"[0-9]+-[0-9]+", r"[0-9]+\.[0-9]+")
)

# How the comments begin that are read.
TEXT_COMMENT, ID_COMMENT, DOCUMENT_COMMENT = "text =", "sent_id =", "newdoc"

# Equal strings are kept once, up to this number of distinct ones: memory must not grow with the
# file.
MOST_STRINGS = 1 << 16


def read_conllu(
    lines: Iterable[bytes],
    name: str,
    tags: str | None = None,
    problems: list[DataError] | None = None,
    notes: Notes | None = None,
) -> Iterator[Sentence]:
    """Yield the sentences of a CoNLL-U file.

    Args:
        lines: The lines of the file, undecoded.
        name: What messages call the file.
        tags: The key in MISC that holds the tags of entities, in any case; a token without it is
            outside of all entities. By default the key is "NER", and sentences without it are not
            annotated.
        problems: A list for the errors of sentences that cannot be read, which are left out; None
            raises the first error.
        notes: Counts what is not kept: empty nodes, comments, and texts that do not fit.

    Raises:
        DataError: A row is not UTF-8 or does not have ten columns, words are not counted from 1, a
            tag has no prefix, or no word has the key that `tags` names.
    """
    reader = _Reader(tags, Notes() if notes is None else notes)
    yield from build_sentences(line_blocks(lines, name), reader.read, problems)
    if tags is not None and not reader.is_tagged:
        raise DataError(f"{name}: a word must have {tags}= in its last column. Got no such word.")


def write_conllu(sentences: Iterable[Sentence], scheme: Spelling = "BIO") -> Iterator[str]:
    r"""Yield lines, without newline, as `read_conllu` reads them.

    Entities are the predicted ones, or else the gold ones.

    Raises:
        DataError: A word, label or column is empty or holds a tab or a newline, a label holds a |,
            or a word differs from the text at its place.

    >>> sentence = Sentence(["Ada", "."], text="Ada.", offsets=[(0, 3), (3, 4)], spans=[])
    >>> next(line for line in write_conllu([sentence]) if line.startswith("1"))
    '1\tAda\t_\t_\t_\t_\t_\t_\t_\tSpaceAfter=No|NER=O'
    """
    document: str | None = None
    for number, sentence in enumerate(sentences, 1):
        where = sentence_name(sentence, number)
        if not sentence.tokens:
            continue
        if sentence.document != document:
            document = sentence.document
            yield "# newdoc" if document is None else _comment("newdoc id", document, where)
        if sentence.id is not None:
            yield _comment("sent_id", sentence.id, where)
        if "\n" not in sentence.text and "\r" not in sentence.text:
            yield f"# text = {replace_surrogates(sentence.text)}"
        yield from _rows(sentence, scheme, where)
        yield ""


@dataclass
class _Words:
    """The words and multi-word tokens of one sentence, and what its comments say."""

    first_line: int = 0
    rows: list[list[str]] = field(default_factory=list)
    # Of each multi-word token: its form, its MISC, and its first and last word, counted from 0.
    ranges: list[tuple[str, Mapping[str, str], int, int]] = field(default_factory=list)
    text: str | None = None
    id: str | None = None


# A word outside of multi-word tokens, or such a token: its form, its MISC, and its number of words.
_Surface = tuple[str, Mapping[str, str], int]


class _Reader:
    """Reads sentences. Knows the current document, and keeps one copy of each frequent string."""

    def __init__(self, tags: str | None, notes: Notes) -> None:
        self.tags, self.notes = tags, notes
        self.document: str | None = None
        self.is_tagged = False
        self.numbers = map(str, itertools.count())
        self.strings: dict[str, str] = {}
        self.normalized = NormalizedTags()

    def read(self, lines: Sequence[NumberedLine], place: Source) -> Sentence | None:
        words = _Words()
        for number, line in lines:
            if line.startswith("#"):
                self._read_comment(words, line.removeprefix("#").strip(BLANKS))
            else:
                self._read_row(words, line, f"{place.path}:{number}", number)
        return self._sentence(words, place.path) if words.rows else None

    def _read_comment(self, words: _Words, comment: str) -> None:
        if comment.startswith(TEXT_COMMENT):
            words.text = comment.removeprefix(TEXT_COMMENT).strip(BLANKS)
        elif comment.startswith(ID_COMMENT):
            words.id = comment.removeprefix(ID_COMMENT).strip(BLANKS)
        elif comment.startswith(DOCUMENT_COMMENT):
            name = comment.removeprefix(DOCUMENT_COMMENT).strip().removeprefix("id").lstrip(" =")
            self.document = name or next(self.numbers)
        else:
            self.notes.ignored[COMMENTS] += 1

    def _read_row(self, words: _Words, line: str, where: str, number: int) -> None:
        row = line.split("\t")
        if len(row) != 10:
            raise DataError(
                f"{where}: {count_columns(row)}, but CoNLL-U has 10, separated by single tabs."
            )
        next_word = len(words.rows) + 1
        if not row[1]:
            raise DataError(f"{where}: a form must not be empty. Got {line!r}.")
        if EMPTY_ID.fullmatch(row[0]):
            self.notes.ignored["empty nodes"] += 1
        elif RANGE_ID.fullmatch(row[0]):
            first, last = map(int, row[0].split("-"))
            is_free = not words.ranges or words.ranges[-1][3] < next_word - 1
            if first != next_word or last < first or not is_free:
                raise DataError(
                    f"{where}: a multi-word token must start at the next word, {next_word}. "
                    f"Got {row[0]}."
                )
            words.ranges.append((row[1], _keys(row[9]), first - 1, last - 1))
        elif WORD_ID.fullmatch(row[0]) and int(row[0]) == next_word:
            if not words.rows:
                words.first_line = number
            if len(self.strings) > MOST_STRINGS:
                self.strings.clear()
            words.rows.append([self.strings.setdefault(value, value) for value in row])
        else:
            raise DataError(
                f"{where}: words must be counted from 1. Got {row[0]!r} instead of {next_word}."
            )

    def _sentence(self, words: _Words, path: str) -> Sentence:
        source = Source(path, words.first_line)
        if words.ranges and words.ranges[-1][3] >= len(words.rows):
            raise DataError(f"{source}: the last multi-word token lacks words.")
        keys = [_keys(row[9]) for row in words.rows]
        text, offsets = self._place(words, keys)
        tag_key = self._tag_key(keys)
        columns = list(zip(*words.rows, strict=True))[2:]
        values: dict[str, tuple[str, ...]] = dict(zip(COLUMN_NAMES, columns, strict=True))
        read_keys = {*SPACING_KEYS, tag_key}
        values["misc"] = tuple(
            "|".join(item for item in misc.split("|") if item.partition("=")[0] not in read_keys)
            or "_"
            for misc in values["misc"]
        )
        sentence = Sentence(
            [row[1] for row in words.rows],
            text=text,
            offsets=offsets,
            columns=values,
            id=words.id,
            document=self.document,
            source=source,
        )
        if tag_key is None:
            return sentence
        try:
            tags = [self.normalized[word_keys.get(tag_key, "O")] for word_keys in keys]
        except ValueError as error:
            raise DataError(f"{source}: {error}") from None
        return sentence.replace(**annotation_from_tags(tags))

    def _tag_key(self, keys: Sequence[Mapping[str, str]]) -> str | None:
        """Find the key of tags as this sentence spells it; None if it is not annotated."""
        wanted = (self.tags or ENTITY_KEY).lower()
        keys_of_words = (key for word_keys in keys for key in word_keys)
        found = next((key for key in keys_of_words if key.lower() == wanted), None)
        self.is_tagged = self.is_tagged or found is not None
        return found or self.tags

    def _place(
        self, words: _Words, keys: Sequence[Mapping[str, str]]
    ) -> tuple[str, list[tuple[int, int]]]:
        """Return the text, and the places of the words in it."""
        surfaces = _surfaces(words, keys)
        places = None
        tells_spaces = any(key in misc for _, misc, _ in surfaces for key in SPACING_KEYS[1:])
        if words.text is not None and not tells_spaces:
            places = find_forms(words.text, [form for form, _, _ in surfaces])
            if places is None:
                self.notes.ignored["texts that their words do not spell"] += 1
        text, places = (words.text or "", places) if places else _join_surfaces(surfaces)
        offsets: list[tuple[int, int]] = []
        for (form, _, count), (start, end) in zip(surfaces, places, strict=True):
            forms = [row[1] for row in words.rows[len(offsets) : len(offsets) + count]]
            if "".join(forms) != form:
                offsets.extend([(start, end)] * count)
                continue
            for word in forms:
                offsets.append((start, start + len(word)))
                start += len(word)
        return text, offsets


def _keys(misc: str) -> dict[str, str]:
    """Read the keys and values of a MISC column."""
    if misc == "_":
        return {}
    pairs = (item.partition("=") for item in misc.split("|"))
    return {key: value for key, _, value in pairs}


def _surfaces(words: _Words, keys: Sequence[Mapping[str, str]]) -> list[_Surface]:
    surfaces: list[_Surface] = []
    ranges = {first: (form, misc, last) for form, misc, first, last in words.ranges}
    i = 0
    while i < len(keys):
        form, misc, last = ranges.get(i, (words.rows[i][1], keys[i], i))
        surfaces.append((form, misc, last - i + 1))
        i = last + 1
    return surfaces


def find_forms(text: str, forms: Iterable[str]) -> list[tuple[int, int]] | None:
    """Find forms one after the other, with only white space between them; None if it fails."""
    places: list[tuple[int, int]] = []
    position = 0
    for form in forms:
        while not text.startswith(form, position):
            if not text[position : position + 1].isspace():
                return None
            position += 1
        places.append((position, position + len(form)))
        position += len(form)
    return None if text[position:].strip() else places


def _join_surfaces(surfaces: Sequence[_Surface]) -> tuple[str, list[tuple[int, int]]]:
    """Join forms to a text, with the spaces that their MISC columns tell."""
    text = _unescape(surfaces[0][1].get("SpacesBefore", ""))
    places: list[tuple[int, int]] = []
    for i, (form, misc, _) in enumerate(surfaces):
        places.append((len(text), len(text) + len(form)))
        usual = "" if misc.get("SpaceAfter") == "No" or i == len(surfaces) - 1 else " "
        after = misc.get("SpacesAfter")
        text += form + (usual if after is None else _unescape(after))
    return text, places


def _unescape(value: str) -> str:
    r"""Read the value of SpacesAfter.

    >>> _unescape(r"\s\n")
    ' \n'
    """
    return re.sub(r"\\[strnp\\]", lambda match: ESCAPES[match[0]], value)


def _comment(key: str, value: str, where: str) -> str:
    if "\n" in value or value != value.strip() or not value:
        raise DataError(
            f"{where}: in a CoNLL-U file, the name of a sentence or document must be one line "
            f"without blanks around it. Got {value!r}."
        )
    return f"# {key} = {value}"


def _rows(sentence: Sentence, scheme: Spelling, where: str) -> Iterator[str]:
    empty = ("_",) * len(sentence)
    columns = [sentence.columns.get(name, empty) for name in COLUMN_NAMES]
    is_annotated = sentence.found_spans is not None
    tags = sentence_tags(sentence, scheme, where) if is_annotated else None
    text = replace_surrogates(sentence.text)
    first = 0
    for (start, end), shared in itertools.groupby(sentence.offsets):
        count = len(list(shared))
        following = first + count
        spacing = _spacing(sentence, text, first, following)
        forms = [replace_surrogates(token) for token in sentence.tokens[first:following]]
        if count > 1:
            surface = [f"{first + 1}-{following}", text[start:end], *("_" * 7)]
            yield _row([*surface, "|".join(spacing) or "_"], where)
            spacing = []
        elif forms != [text[start:end]]:
            raise DataError(
                f"{where}: in a CoNLL-U file, a word must equal the text at its place. "
                f"Got {forms[0]!r} for {text[start:end]!r}."
            )
        for i, form in enumerate(forms, first):
            values = [column[i] for column in columns]
            misc = [*([values[-1]] if values[-1] != "_" else []), *spacing]
            if tags is not None:
                misc.append(f"{ENTITY_KEY}={tags[i]}")
            yield _row([str(i + 1), form, *values[:-1], "|".join(misc) or "_"], where)
        first = following


def _spacing(sentence: Sentence, text: str, first: int, following: int) -> list[str]:
    """Return what MISC tells of the spaces around the words from `first` up to `following`."""
    start, end = sentence.offsets[first]
    after = sentence.offsets[following][0] if following < len(sentence) else None
    gap = text[end:after]
    spacing: list[str] = []
    if first == 0 and start > 0:
        spacing.append(f"SpacesBefore={text[:start].translate(ESCAPED)}")
    if gap == "" and after is not None:
        spacing.append("SpaceAfter=No")
    elif gap != (" " if after is not None else ""):
        spacing.append(f"SpacesAfter={gap.translate(ESCAPED)}")
    return spacing


def _row(fields: list[str], where: str) -> str:
    row = "\t".join(fields)
    if row.count("\t") != 9 or "\n" in row or "" in fields or row.endswith("\r"):
        raise DataError(
            f"{where}: in a CoNLL-U file, words, labels and columns must not be empty or hold a "
            f"tab or a newline. Got {fields}."
        )
    return row


def _read_conllu(source: str | Path, options: ReadOptions) -> Iterator[Sentence]:
    lines = read_lines(source, options.encoding, max_line=options.max_line)
    return read_conllu(
        lines, input_name(source), options.tags, options.problems, options.rules.notes
    )


def _lines_conllu(sentences: Iterable[Sentence], options: WriteOptions) -> Iterator[str]:
    return write_conllu(sentences, options.scheme)


FORMAT = Format(
    "conllu",
    "CoNLL-U, ten columns separated by tabs",
    frozenset({SPANS, TOKENS, SPACING, IDS, DOCUMENTS}),
    _read_conllu,
    _lines_conllu,
    columns=frozenset(COLUMN_NAMES),
    endings=(".conllu",),
    options=frozenset({"tags"}),
)
