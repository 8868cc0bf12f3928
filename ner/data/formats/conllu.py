"""CoNLL-U: ten columns, words inside of multi-word tokens, and the raw text by its spaces.

Source: https://universaldependencies.org/format.html. `SpacesBefore` and `SpacesAfter`, with their
escapes, are those of UDPipe.
"""

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ner.choices import Spelling
from ner.data.formats.base import Writing, _name
from ner.data.formats.columns import BLANKS, sentence_tags
from ner.data.formats.options import ReadOptions
from ner.data.lines import decode_lines, read_lines, replace_surrogates
from ner.data.partial import allowed_from_tags, is_partial, normalize_partial
from ner.data.schemes import spans_from_tags
from ner.data.sentence import Sentence, Source
from ner.data.spans import Notes
from ner.errors import DataError

# What becomes a column of the sentence; "misc" loses what is told by other fields.
COLUMNS = ("lemma", "upos", "xpos", "feats", "head", "deprel", "deps", "misc")

SPACING = ("SpaceAfter", "SpacesAfter", "SpacesBefore")

ESCAPES = {"\\s": " ", "\\t": "\t", "\\r": "\r", "\\n": "\n", "\\p": "|", "\\\\": "\\"}

WORD_ID, RANGE_ID, EMPTY_ID = (
    re.compile(p) for p in (r"[0-9]+", r"[0-9]+-[0-9]+", r"[0-9]+\.[0-9]+")
)

TEXT = "text ="

IDENTITY = "sent_id ="

DOCUMENT = "newdoc"

NER = "NER"

# Equal strings are kept once, up to so many different ones: memory must not grow with the file.
MOST_STRINGS = 1 << 16


def read_conllu(
    lines: Iterable[bytes],
    name: str,
    tags: str | None = None,
    problems: list[DataError] | None = None,
    notes: Notes | None = None,
) -> Iterator[Sentence]:
    """Yield the sentences of a CoNLL-U file, whose tokens are its syntactic words.

    Their places in the text are the true ones: `# text` says what stands between them, or else
    SpaceAfter and SpacesAfter do. A multi-word token is cut up where its words, put together,
    spell it; otherwise each of its words has the range of all of it. Empty nodes are no tokens.

    The other columns become columns of the sentence: lemma, upos, xpos, feats, head, deprel, deps
    and misc.

    Args:
        lines: The lines of the file, undecoded.
        name: What messages call the file.
        tags: The key in MISC that holds the tags of entities (`NER=B-PER`), in any case; a token
            without it is outside of all entities. By default it is "NER", and sentences without
            any are not annotated.
        problems: Where to put the errors of sentences that cannot be read, which are left out;
            None raises the first one.
        notes: Where to count what is not kept: empty nodes, comments, unfitting `# text`.

    Raises:
        DataError: A row is not UTF-8 or has not ten columns, words are not counted from 1, a tag
            has no prefix, or no word has the key that `tags` names.
    """
    reader = _Reader(tags, Notes() if notes is None else notes)
    block = _Block(Source(name, 1))
    for number, line, wrong in decode_lines(lines, name):
        try:
            if wrong is not None:
                raise wrong
            if line.strip(BLANKS):
                if not block.broken:
                    reader.add(block, line, f"{name}:{number}", number)
                continue
            if block.words and not block.broken:
                yield reader.sentence(block)
        except DataError as problem:
            if problems is None:
                raise
            problems.append(problem)
            block.broken = bool(line.strip(BLANKS))
            if block.broken:
                continue
        block = _Block(Source(name, number + 1))
    try:
        if block.words and not block.broken:
            yield reader.sentence(block)
    except DataError as problem:
        if problems is None:
            raise
        problems.append(problem)
    if tags is not None and not reader.is_tagged:
        raise DataError(f"{name}: some word with {tags}= in its last column is needed. Got none.")


@dataclass
class _Block:
    """The rows of one sentence."""

    source: Source
    words: list[list[str]] = field(default_factory=list)
    # Each multi-word token: its form, its MISC, and its first and last word from 0.
    ranges: list[tuple[str, Mapping[str, str], int, int]] = field(default_factory=list)
    text: str | None = None
    id: str | None = None
    broken: bool = False


class _Reader:
    """Reads rows; knows the document, and one copy of each string that comes again and again."""

    def __init__(self, tags: str | None, notes: Notes) -> None:
        self.tags, self.notes = tags, notes
        self.document: str | None = None
        self.is_tagged = False
        self.unnamed = map(str, itertools.count())
        self.strings: dict[str, str] = {}
        self.normalized: dict[str, str] = {}

    def add(self, block: _Block, line: str, where: str, number: int) -> None:
        if line.startswith("#"):
            self._comment(block, line.removeprefix("#").strip(BLANKS))
            return
        row = line.split("\t")
        if len(row) != 10:
            count = "1 column" if len(row) == 1 else f"{len(row)} columns"
            raise DataError(f"{where}: {count}, but CoNLL-U has 10, separated by single tabs.")
        number_of_words = len(block.words)
        if not row[1]:
            raise DataError(f"{where}: a form must not be empty. Got {line!r}.")
        if EMPTY_ID.fullmatch(row[0]):
            self.notes.ignored["empty nodes"] += 1
        elif RANGE_ID.fullmatch(row[0]):
            first, last = map(int, row[0].split("-"))
            free = not block.ranges or block.ranges[-1][3] < number_of_words
            if first != number_of_words + 1 or last < first or not free:
                raise DataError(
                    f"{where}: a multi-word token starts at the next word, {number_of_words + 1}. "
                    f"Got {row[0]}."
                )
            block.ranges.append((row[1], _keys(row[9]), first - 1, last - 1))
        elif WORD_ID.fullmatch(row[0]) and int(row[0]) == number_of_words + 1:
            if not block.words:
                block.source = Source(block.source.path, number)
            if len(self.strings) > MOST_STRINGS:
                self.strings.clear()
            block.words.append([self.strings.setdefault(value, value) for value in row])
        else:
            raise DataError(
                f"{where}: words are counted from 1. Got {row[0]!r} where {number_of_words + 1} "
                "should be."
            )

    def _comment(self, block: _Block, comment: str) -> None:
        if comment.startswith(TEXT):
            block.text = comment.removeprefix(TEXT).strip(BLANKS)
        elif comment.startswith(IDENTITY):
            block.id = comment.removeprefix(IDENTITY).strip(BLANKS)
        elif comment.startswith(DOCUMENT):
            name = comment.removeprefix(DOCUMENT).strip().removeprefix("id").lstrip(" =")
            self.document = name or next(self.unnamed)
        else:
            self.notes.ignored["comments"] += 1

    def sentence(self, block: _Block) -> Sentence:
        if block.ranges and block.ranges[-1][3] >= len(block.words):
            raise DataError(f"{block.source}: the last multi-word token lacks words.")
        keys = [_keys(row[9]) for row in block.words]
        text, offsets = self._place(block, keys)
        tag_key = self._tag_key(keys)
        columns = list(zip(*block.words, strict=True))[2:]
        values: dict[str, tuple[str, ...]] = dict(zip(COLUMNS, columns, strict=True))
        told = {*SPACING, tag_key}
        values["misc"] = tuple(
            "|".join(item for item in misc.split("|") if item.partition("=")[0] not in told) or "_"
            for misc in values["misc"]
        )
        sentence = Sentence(
            [row[1] for row in block.words],
            text=text,
            offsets=offsets,
            columns=values,
            id=block.id,
            document=self.document,
            source=block.source,
        )
        if tag_key is None:
            return sentence
        tags = [self._normalize(known.get(tag_key, "O"), block.source) for known in keys]
        if any(map(is_partial, tags)):
            return sentence.replace(allowed=allowed_from_tags(tags))
        return sentence.replace(spans=spans_from_tags(tags))

    def _tag_key(self, keys: Sequence[Mapping[str, str]]) -> str | None:
        """Find the key of tags as this sentence spells it; None where it is not annotated."""
        wanted = (self.tags or NER).lower()
        found = next((key for known in keys for key in known if key.lower() == wanted), None)
        self.is_tagged = self.is_tagged or found is not None
        return found or self.tags

    def _normalize(self, tag: str, source: Source) -> str:
        if tag not in self.normalized:
            try:
                self.normalized[tag] = normalize_partial(tag)
            except ValueError as error:
                raise DataError(f"{source}: {error}. Got {tag!r}.") from None
        return self.normalized[tag]

    def _place(
        self, block: _Block, keys: Sequence[Mapping[str, str]]
    ) -> tuple[str, list[tuple[int, int]]]:
        surfaces: list[tuple[str, Mapping[str, str], int]] = []
        ranges = {first: (form, known, last) for form, known, first, last in block.ranges}
        i = 0
        while i < len(keys):
            form, known, last = ranges.get(i, (block.words[i][1], keys[i], i))
            surfaces.append((form, known, last - i + 1))
            i = last + 1
        placed = None
        if block.text is not None and not any(
            key in known for _, known, _ in surfaces for key in SPACING[1:]
        ):
            placed = _found_in(block.text, [form for form, _, _ in surfaces])
            if placed is None:
                self.notes.ignored["texts that their words do not spell"] += 1
        text, places = (block.text or "", placed) if placed else _joined(surfaces)
        offsets: list[tuple[int, int]] = []
        for (form, _, count), (start, end) in zip(surfaces, places, strict=True):
            words = [row[1] for row in block.words[len(offsets) : len(offsets) + count]]
            if "".join(words) != form:
                offsets.extend([(start, end)] * count)
                continue
            for word in words:
                offsets.append((start, start + len(word)))
                start += len(word)
        return text, offsets


def _keys(misc: str) -> dict[str, str]:
    """Cut up a MISC column."""
    if misc == "_":
        return {}
    pairs = (item.partition("=") for item in misc.split("|"))
    return {key: value for key, _, value in pairs}


def _found_in(text: str, forms: Iterable[str]) -> list[tuple[int, int]] | None:
    """Find forms one after the other, with nothing but white space between them."""
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


def _joined(
    surfaces: Sequence[tuple[str, Mapping[str, str], int]],
) -> tuple[str, list[tuple[int, int]]]:
    """Put a text together from forms and what is known of the spaces around them."""
    text = unescape(surfaces[0][1].get("SpacesBefore", ""))
    places: list[tuple[int, int]] = []
    for i, (form, known, _) in enumerate(surfaces):
        places.append((len(text), len(text) + len(form)))
        usual = "" if known.get("SpaceAfter") == "No" or i == len(surfaces) - 1 else " "
        after = known.get("SpacesAfter")
        text += form + (usual if after is None else unescape(after))
    return text, places


def unescape(value: str) -> str:
    r"""Read the value of SpacesAfter.

    >>> unescape(r"\s\n")
    ' \n'
    """
    return re.sub(r"\\[strnp\\]", lambda match: ESCAPES[match[0]], value)


ESCAPED = str.maketrans({character: escape for escape, character in ESCAPES.items()})


def write_conllu(sentences: Iterable[Sentence], scheme: Spelling = "BIO") -> Iterator[str]:
    r"""Yield lines, without newline, as `read_conllu` reads them.

    Entities, predicted or else gold, stand in MISC: every word of an annotated sentence has a
    `NER=`. What stands between words is told by SpaceAfter, SpacesAfter and SpacesBefore; a text
    on one line is also in `# text`. Words that share one range of the text make up a multi-word
    token.

    Raises:
        DataError: A word, label or column is empty or holds a tab or a newline, a label holds a |,
            or a word is not what stands in the text.

    >>> sentence = Sentence(["Ada", "."], text="Ada.", offsets=[(0, 3), (3, 4)], spans=[])
    >>> next(line for line in write_conllu([sentence]) if line.startswith("1"))
    '1\tAda\t_\t_\t_\t_\t_\t_\t_\tSpaceAfter=No|NER=O'
    """
    document: str | None = None
    for number, sentence in enumerate(sentences, 1):
        where = str(sentence.source or f"sentence {number}")
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


def _comment(key: str, value: str, where: str) -> str:
    if "\n" in value or value != value.strip() or not value:
        raise DataError(
            f"{where}: in a CoNLL-U file, names of sentences and documents are one line without "
            f"blanks around it. Got {value!r}."
        )
    return f"# {key} = {value}"


def _rows(sentence: Sentence, scheme: Spelling, where: str) -> Iterator[str]:
    empty = ("_",) * len(sentence)
    columns = [sentence.columns.get(name, empty) for name in COLUMNS]
    is_annotated = sentence.found_spans is not None
    tags = sentence_tags(sentence, scheme) if is_annotated else None
    text = replace_surrogates(sentence.text)
    word = 0
    for (start, end), shared in itertools.groupby(sentence.offsets):
        count = len(list(shared))
        following = word + count
        after = sentence.offsets[following][0] if following < len(sentence) else None
        gap = text[end:after]
        spacing: list[str] = []
        if word == 0 and start > 0:
            spacing.append(f"SpacesBefore={text[:start].translate(ESCAPED)}")
        if gap == "" and after is not None:
            spacing.append("SpaceAfter=No")
        elif gap != (" " if after is not None else ""):
            spacing.append(f"SpacesAfter={gap.translate(ESCAPED)}")
        forms = [replace_surrogates(token) for token in sentence.tokens[word:following]]
        if count > 1:
            surface = [f"{word + 1}-{following}", text[start:end], *("_" * 7)]
            yield _row([*surface, "|".join(spacing) or "_"], where)
            spacing = []
        elif forms != [text[start:end]]:
            raise DataError(
                f"{where}: in a CoNLL-U file, a word is what stands in the text. "
                f"Got {forms[0]!r} for {text[start:end]!r}."
            )
        for i, form in enumerate(forms, word):
            values = [column[i] for column in columns]
            misc = [*([values[-1]] if values[-1] != "_" else []), *spacing]
            if tags is not None:
                if "|" in tags[i]:
                    raise DataError(f"{where}: in a CoNLL-U file, labels hold no |. Got {tags[i]}.")
                misc.append(f"{NER}={tags[i]}")
            yield _row([str(i + 1), form, *values[:-1], "|".join(misc) or "_"], where)
        word = following


def _row(fields: list[str], where: str) -> str:
    row = "\t".join(fields)
    if row.count("\t") != 9 or "\n" in row or "" in fields or row.endswith("\r"):
        raise DataError(
            f"{where}: in a CoNLL-U file, words, labels and columns hold no tab or newline and are "
            f"not empty. Got {fields}."
        )
    return row


def _read_conllu(source: str | Path, options: ReadOptions) -> Iterator[Sentence]:
    lines = read_lines(source, options.encoding)
    return read_conllu(lines, _name(source), options.tags, options.problems, options.rules.notes)


def _lines_conllu(sentences: Iterable[Sentence], how: Writing) -> Iterator[str]:
    return write_conllu(sentences, how.scheme)
