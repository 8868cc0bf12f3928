"""CoNLL-2012, the format of OntoNotes: a word on each row, named entities as brackets in a column.

    #begin document (nw/wsj/00/wsj_0001); part 000
    nw/wsj/00/wsj_0001  0  0  Ada     NNP  (TOP(S(NP*)  -     -  -  -  (PERSON)  (ARG0*)  -
    nw/wsj/00/wsj_0001  0  1  writes  VBZ       (VP*))  write 01  1  -  *         (V*)    -
    #end document

The columns are: document, part, number of the word, word, part of speech, parse, lemma, frameset,
word sense, speaker, entities, the arguments of each predicate, coreference. The arguments have a
column for each predicate of the sentence, so no table of sentences holds them: they are counted as
ignored. Other columns become columns of the sentence. A sentence whose entities are all `-` is not
annotated.

Source: https://conll.cemantix.org/2012/data.html, "*_conll File Format".
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from ner.data.formats.base import DOCUMENTS, SPANS, TOKENS, Format
from ner.data.formats.columns import BLANKS, COMMENT, RUN_OF_BLANKS, count_columns
from ner.data.formats.options import ReadOptions
from ner.data.formats.records import (
    NumberedLine,
    build_sentences,
    cut_at_blanks,
    line_blocks,
    text_sentence,
)
from ner.data.lines import input_name, read_lines, short
from ner.data.sentence import Sentence, Source, joined_offsets
from ner.data.spans import CharSpan, FieldError, SpanRules
from ner.errors import DataError

# The places of columns that every file has, and the names that sentences give them.
DOCUMENT, PART, WORD, ENTITIES = 0, 1, 3, 10
COLUMN_NAMES = {4: "pos", 5: "parse", 6: "lemma", 7: "frameset", 8: "sense", 9: "speaker"}
COREFERENCE = "coref"
FEWEST_COLUMNS = 12

# What is in the column of entities: beginnings, the word itself, and ends.
BRACKETS = re.compile(r"\(([^()*\s]+)|(\*)|(\))")
NOT_ANNOTATED = "-"
BEGIN = "#begin document"


def read_conll2012(
    lines: Iterable[bytes], name: str, rules: SpanRules, problems: list[DataError] | None = None
) -> Iterator[Sentence]:
    """Yield the sentences of a file of CoNLL-2012.

    Args:
        lines: The lines of the file, undecoded.
        name: What messages call the file.
        rules: What to do with entities inside others.
        problems: A list for the errors of sentences that cannot be read, which are left out; None
            raises the first error.

    Raises:
        DataError: A row is not UTF-8 or has too few columns, or brackets do not match.
    """

    def build(block: Sequence[NumberedLine], place: Source) -> Sentence | None:
        rows: list[list[str]] = []
        first = place
        for number, line in block:
            if line.startswith(COMMENT):
                continue
            fields = RUN_OF_BLANKS.split(line.strip(BLANKS))
            expected = len(rows[0]) if rows else max(FEWEST_COLUMNS, len(fields))
            if len(fields) != expected:
                least = "" if rows else "at least "
                raise DataError(
                    f"{name}:{number}: {count_columns(fields)}, but a row of CoNLL-2012 has "
                    f"{least}{expected} here, separated by blanks."
                )
            if not rows:
                first = Source(name, number)
            rows.append(fields)
        return _sentence(rows, first, rules) if rows else None

    return build_sentences(line_blocks(lines, name), build, problems)


def _sentence(rows: Sequence[Sequence[str]], source: Source, rules: SpanRules) -> Sentence:
    columns = list(zip(*rows, strict=True))
    words, entities = columns[WORD], columns[ENTITIES]
    arguments = len(columns) - FEWEST_COLUMNS
    if arguments:
        rules.notes.ignored["columns of the arguments of predicates"] += arguments
    by_name = {name: columns[i] for i, name in COLUMN_NAMES.items()}
    offsets = list(joined_offsets(words))
    spans = None if set(entities) == {NOT_ANNOTATED} else _spans(entities, offsets, source)
    return text_sentence(
        " ".join(words),
        spans,
        source,
        cut_at_blanks,
        rules,
        offsets,
        tokens=words,
        columns=by_name | {COREFERENCE: columns[-1]},
        document=f"{columns[DOCUMENT][0]}; part {columns[PART][0]}",
    )


def _spans(
    values: Sequence[str], offsets: Sequence[tuple[int, int]], source: Source
) -> list[CharSpan]:
    """Read the brackets of a column, the outer entity before those inside it."""
    opened: list[tuple[int, str]] = []
    spans: list[CharSpan] = []
    for i, value in enumerate(values):
        where = f"{source.path}:{source.line + i}"
        parts = list(BRACKETS.finditer(value))
        if "".join(part[0] for part in parts) != value and value != NOT_ANNOTATED:
            raise FieldError(
                "an entity must be brackets and a star, such as (ORG* or *) or (ORG). "
                f"Got {short(value)}.",
                where,
            )
        for part in parts:
            if part[1]:
                opened.append((i, part[1]))
            elif part[3] and not opened:
                raise FieldError(f"an entity ends that does not begin. Got {value!r}.", where)
            elif part[3]:
                start, label = opened.pop()
                place = f"{source.path}:{source.line + start}"
                spans.append(CharSpan(offsets[start][0], offsets[i][1], label, where=place))
    if opened:
        start, label = opened[-1]
        raise FieldError(
            f"an entity begins that does not end. Got {label!r}.",
            f"{source.path}:{source.line + start}",
        )
    return spans


def _read(source: str | Path, options: ReadOptions) -> Iterator[Sentence]:
    lines = read_lines(source, options.encoding, max_line=options.max_line)
    return read_conll2012(lines, input_name(source), options.rules, options.problems)


FORMAT = Format(
    "conll2012",
    "CoNLL-2012, as OntoNotes: entities as brackets",
    frozenset({SPANS, TOKENS, DOCUMENTS}),
    _read,
    columns=frozenset({*COLUMN_NAMES.values(), COREFERENCE}),
    endings=(".v4_gold_conll", ".v4_auto_conll", ".v9_gold_conll", ".v9_auto_conll", ".gold_conll"),
)
