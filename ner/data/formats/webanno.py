r"""WebAnno TSV 3, which WebAnno and INCEpTION export: a token a row, a column a feature.

    #FORMAT=WebAnno TSV 3.3
    #T_SP=de.tudarmstadt.ukp.dkpro.core.api.ner.type.NamedEntity|identifier|value

    #Text=Ada Byron writes.
    1-1<TAB>0-3<TAB>Ada<TAB>*[1]<TAB>PER[1]<TAB>
    1-2<TAB>4-9<TAB>Byron<TAB>*[1]<TAB>PER[1]<TAB>
    1-3<TAB>10-16<TAB>writes<TAB>_<TAB>_<TAB>

The spans of one feature of one layer are read: that of `tags`, or else the value of named entities,
or else the first feature of the only layer of spans that is no layer of tokens. Spans inside tokens
and stacked spans follow the rules for spans that do not fit. Other features, layers, relations and
chains are counted as ignored. The places of tokens are found in the text of their sentence, so the
offsets of the file, which count UTF-16 units of the document, are not needed.

Source: https://inception-project.github.io/releases/33.2/docs/user-guide.html, "WebAnno TSV 3.3".
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ner.data.formats.base import SPACING, SPANS, TOKENS, Format
from ner.data.formats.columns import count_columns
from ner.data.formats.conllu import find_forms
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
from ner.data.spans import CharSpan, SpanRules
from ner.errors import ConfigError, DataError

FORMAT_LINE = "#FORMAT="
KNOWN_FORMAT = re.compile(r"#FORMAT=WebAnno TSV 3(\.[0-9]+)?\s*")
TEXT_LINE = "#Text="

# What begins the line of a layer in the header: of spans, relations and chains.
SPAN_LAYER, OTHER_LAYERS = "#T_SP=", ("#T_RL=", "#T_CH=")

# Layers whose spans are single tokens, and the layer and feature of named entities.
TOKEN_LAYERS = ("POS", "Lemma", "MorphologicalFeatures", "Stem", "Token", "Sentence")
ENTITY = ("NamedEntity", "value")

ROW_ID = re.compile(r"[0-9]+-[0-9]+(\.[0-9]+)?")
OFFSETS = re.compile(r"([0-9]+)-([0-9]+)")
BETWEEN_VALUES = re.compile(r"(?<!\\)\|")
NUMBERED_VALUE = re.compile(r"(.*)(?<!\\)\[([0-9]+)\]", re.DOTALL)
ESCAPE = re.compile(r"\\(.)", re.DOTALL)
ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "f": "\f", "b": "\b"}
NOTHING, NO_VALUE = "_", "*"


@dataclass(frozen=True)
class Column:
    """A column of annotation: a feature of a layer; None if the layer has no features."""

    layer: str
    feature: str | None
    is_span: bool

    def __str__(self) -> str:
        return self.layer if self.feature is None else f"{self.layer}.{self.feature}"

    def is_called(self, name: str) -> bool:
        """Whether a user may mean this column by a name."""
        return name in (self.layer, self.feature, str(self))


def read_webanno(
    lines: Iterable[bytes],
    name: str,
    rules: SpanRules,
    tags: str | None = None,
    problems: list[DataError] | None = None,
) -> Iterator[Sentence]:
    """Yield the sentences of a file of WebAnno TSV 3.

    Args:
        lines: The lines of the file, undecoded.
        name: What messages call the file.
        rules: What to do with spans that are not whole tokens, or overlap.
        tags: The layer or the feature of the entities, or both with a point between.
        problems: A list for the errors of sentences that cannot be read, which are left out; None
            raises the first error.

    Raises:
        ConfigError: No column, or more than one, may be the one of the entities.
        DataError: The file is of another version, a row is wrong, or a span does not fit.
    """
    reader = _Reader(name, rules, tags)
    return build_sentences(line_blocks(lines, name), reader.read, problems)


@dataclass
class _Found:
    """A span of characters, and where it is annotated."""

    label: str
    start: int
    end: int
    where: str


class _Reader:
    """Reads sentences. Knows the columns, which the header of the file names."""

    def __init__(self, name: str, rules: SpanRules, tags: str | None) -> None:
        self.name, self.rules, self.tags = name, rules, tags
        self.columns: list[Column] = []
        self.entities: int | None = None
        self.is_settled = False

    def read(self, block: Sequence[NumberedLine], place: Source) -> Sentence | None:
        texts: list[str] = []
        rows: list[tuple[int, list[str]]] = []
        for number, line in block:
            if line.startswith(TEXT_LINE):
                texts.append(line.removeprefix(TEXT_LINE))
            elif line.startswith("#"):
                self._read_header(line, f"{self.name}:{number}")
            else:
                rows.append((number, self._row(line, f"{self.name}:{number}")))
        if not rows:
            return None
        if not self.is_settled:
            self.entities, self.is_settled = self._choose(), True
        return self._sentence("\n".join(map(_unescape, texts)), rows)

    def _read_header(self, line: str, where: str) -> None:
        if line.startswith(FORMAT_LINE) and not KNOWN_FORMAT.fullmatch(line):
            raise ConfigError(f"{where}: must be WebAnno TSV 3. Got {short(line)}. Export it anew.")
        kind = next((k for k in (SPAN_LAYER, *OTHER_LAYERS) if line.startswith(k)), None)
        if kind is None:
            return
        layer, *features = line.removeprefix(kind).rstrip().split("|")
        short_name = layer.rpartition(".")[2]
        for feature in features or [""]:
            self.columns.append(Column(short_name, feature or None, kind == SPAN_LAYER))

    def _choose(self) -> int | None:
        """Find the column of entities; None if there are no layers that could have them."""
        spans = [i for i, column in enumerate(self.columns) if column.is_span]
        if self.tags is not None:
            found = [i for i in spans if self.columns[i].is_called(self.tags)]
        else:
            found = [i for i in spans if (self.columns[i].layer, self.columns[i].feature) == ENTITY]
            found = found or [i for i in spans if self.columns[i].layer not in TOKEN_LAYERS]
        layers = {self.columns[i].layer for i in found}
        if len(layers) > 1 or (self.tags is not None and not found):
            names = " ".join(str(self.columns[i]) for i in spans)
            raise ConfigError(
                f"{self.name}: tags must name the layer or feature of the entities, one of "
                f"{names or 'none'}. Got {self.tags or 'none'}."
            )
        return found[0] if found else None

    def _row(self, line: str, where: str) -> list[str]:
        fields = line.split("\t")
        expected = 3 + len(self.columns)
        if len(fields) < expected or any(fields[expected:]):
            raise DataError(
                f"{where}: {count_columns(fields)}, but the header names {expected}, separated by "
                "single tabs."
            )
        if not (ROW_ID.fullmatch(fields[0]) and OFFSETS.fullmatch(fields[1]) and fields[2]):
            raise DataError(
                f"{where}: a row must begin with its number, offsets and a token, such as 1-1, "
                f"0-3 and Ada. Got {short(line)}."
            )
        return fields

    def _sentence(self, text: str, rows: Sequence[tuple[int, list[str]]]) -> Sentence:
        tokens = [_unescape(row[2]) for _, row in rows if "." not in row[0]]
        places = find_forms(text, tokens)
        if places is None:
            self.rules.notes.ignored["texts that their tokens do not spell"] += 1
            text, places = " ".join(tokens), list(joined_offsets(tokens))
        spans = None if self.entities is None else list(self._spans(rows, text, places))
        source = Source(self.name, rows[0][0])
        return text_sentence(text, spans, source, cut_at_blanks, self.rules, places, tokens=tokens)

    def _spans(
        self,
        rows: Sequence[tuple[int, list[str]]],
        text: str,
        places: Sequence[tuple[int, int]],
    ) -> Iterator[CharSpan]:
        """Yield the spans of the entities; those with one number in brackets are one span."""
        assert self.entities is not None
        column = self.columns[self.entities]
        found: dict[str, _Found] = {}
        token, first = -1, 0
        for number, row in rows:
            start, end = map(int, row[1].split("-"))
            if "." not in row[0]:
                token, first = token + 1, start
                begin, finish = places[token]
            else:
                # A part of a token; its offsets count UTF-16 units.
                whole = text[slice(*places[token])]
                begin = places[token][0] + _characters(whole, start - first)
                finish = places[token][0] + _characters(whole, end - first)
            self._count_others(row)
            for i, value in enumerate(_values(row[3 + self.entities])):
                numbered = NUMBERED_VALUE.fullmatch(value)
                label, key = numbered.groups() if numbered else (value, f"{row[0]} {i}")
                if label == NO_VALUE and column.feature is not None:
                    self.rules.notes.ignored[f"annotations without a value of {column}"] += 1
                    continue
                name = column.layer if label == NO_VALUE else _unescape(label)
                known = found.setdefault(key, _Found(name, begin, finish, f"{self.name}:{number}"))
                known.end = max(known.end, finish)
        for one in found.values():
            yield CharSpan(one.start, one.end, one.label, where=one.where)

    def _count_others(self, row: Sequence[str]) -> None:
        """Count the annotation of other columns."""
        for i, (column, value) in enumerate(zip(self.columns, row[3:], strict=False)):
            # An empty feature of the layer of entities says nothing.
            if i != self.entities and value not in (NOTHING, "") and set(_labels(value)) != {"*"}:
                self.rules.notes.ignored[f"values of {column}"] += 1


def _values(cell: str) -> list[str]:
    """Cut a cell into the values of stacked annotations."""
    return [] if cell in (NOTHING, "") else BETWEEN_VALUES.split(cell)


def _labels(cell: str) -> Iterator[str]:
    for value in _values(cell):
        numbered = NUMBERED_VALUE.fullmatch(value)
        yield numbered[1] if numbered else value


def _unescape(value: str) -> str:
    r"""Replace escapes by what they mean.

    >>> _unescape(r"a\|b\n")
    'a|b\n'
    """
    return ESCAPE.sub(lambda match: ESCAPES.get(match[1], match[1]), value)


def _characters(text: str, units: int) -> int:
    """Return how many characters of a text its first UTF-16 units are."""
    return len(text.encode("utf-16-le", "surrogatepass")[: 2 * units].decode("utf-16-le", "ignore"))


def _read(source: str | Path, options: ReadOptions) -> Iterator[Sentence]:
    lines = read_lines(source, options.encoding, max_line=options.max_line)
    return read_webanno(lines, input_name(source), options.rules, options.tags, options.problems)


FORMAT = Format(
    "webanno",
    "WebAnno TSV 3, as WebAnno and INCEpTION export it",
    frozenset({SPANS, TOKENS, SPACING}),
    _read,
    options=frozenset({"tags"}),
)
