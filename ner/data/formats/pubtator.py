"""PubTator: abstracts of PubMed with their entities, in blocks that blank lines separate.

A block is a title and an abstract, then an entity on each line::

    1234|t|Ada cured a cold.
    1234|a|It was in London.
    1234<TAB>12<TAB>16<TAB>cold<TAB>Disease<TAB>D003139

The text of a sentence is the title, a newline and the abstract, because offsets count a character
between them. Each block is one sentence, and its id is the number of the article. A block without
entities has none. Ids of entities and relations are counted in the notes.

Source: https://www.ncbi.nlm.nih.gov/research/pubtator3/tutorial; Wei et al., "PubTator: a web-based
text mining tool for assisting biocuration", Nucleic Acids Research 2013.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from ner.data.formats.base import EMPTY, IDS, SPACING, SPANS, Format
from ner.data.formats.options import ReadOptions
from ner.data.formats.records import (
    NumberedLine,
    build_sentences,
    char_span,
    line_blocks,
    text_sentence,
)
from ner.data.lines import input_name, read_lines, short
from ner.data.sentence import Sentence, Source
from ner.data.spans import CharSpan, FieldError, Notes

SECTION = re.compile(r"([^|\t]+)\|([ta])\|(.*)", re.DOTALL)


def read_pubtator(source: str | Path, options: ReadOptions) -> Iterator[Sentence]:
    """Yield a sentence for each title with its abstract.

    Raises:
        DataError: A line is neither a part of the text nor an entity, or a span does not fit.
    """
    name = input_name(source)
    blocks = line_blocks(read_lines(source, options.encoding, max_line=options.max_line), name)

    def build(block: list[NumberedLine], place: Source) -> Sentence:
        texts = {match[2]: match for _, line in block if (match := SECTION.fullmatch(line))}
        if "t" not in texts:
            raise FieldError(
                f"a block must begin with a title, as in 1234|t|Title. Got {short(block[0][1])}."
            )
        article = texts["t"][1]
        spans = [
            _span(line, article, f"{name}:{number}", options.rules.notes)
            for number, line in block
            if not SECTION.fullmatch(line)
        ]
        return text_sentence(
            "\n".join(match[3] for _, match in sorted(texts.items(), reverse=True)),
            [span for span in spans if span is not None],
            place,
            options.tokenizer,
            options.rules,
            id=article,
        )

    return build_sentences(blocks, build, options.problems)


def _span(line: str, article: str, where: str, notes: Notes) -> CharSpan | None:
    """Read the line of an entity; None for a relation, which is counted."""
    fields = line.split("\t")
    if fields[0] != article:
        raise FieldError(f"must begin with {article}, as its title does. Got {short(line)}.", where)
    if len(fields) == 4 and not fields[1].isdigit():
        notes.ignored["relations"] += 1
        return None
    if len(fields) < 5 or not (fields[1].isdigit() and fields[2].isdigit()):
        raise FieldError(
            "an entity must have a number, a start, an end, a text and a type, separated by tabs. "
            f"Got {short(line)}.",
            where,
        )
    if any(fields[5:]):
        notes.ignored["ids of entities"] += 1
    start, end, text, label = int(fields[1]), int(fields[2]), fields[3], fields[4]
    return char_span(start, end, label, line, text)._replace(where=where)


FORMAT = Format(
    "pubtator",
    "PubTator: titles and abstracts with their entities",
    frozenset({SPANS, SPACING, IDS, EMPTY}),
    read_pubtator,
    endings=(".pubtator",),
    options=frozenset({"offsets"}),
)
