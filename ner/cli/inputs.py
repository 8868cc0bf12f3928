"""What `ner tag` and `ner classify` read: texts, files, or standard input."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ner.errors import ConfigError, DataError, suggestion

if TYPE_CHECKING:
    from ner.data.formats.options import ReadOptions
    from ner.data.sentence import Sentence
    from ner.data.spans import Notes
    from ner.inference.predictor import Predictor

# Beside the formats of corpora: a file that is one text, and a file of one text a line.
TEXT, LINES, CONLL, JSONL = "text", "lines", "conll", "jsonl"
CONLL_RELEASE = (".train", ".testa", ".testb")  # as in eng.testa
SCHEMES = (".iob", ".bio", ".bioes", ".bmes", ".bilou")

# Those in `ner.data.formats.registry`, whose import would slow down the start, and some more.
ENDINGS = {
    CONLL: (".conll", *SCHEMES, ".col", ".tsv", *CONLL_RELEASE),
    JSONL: (".jsonl", ".ndjson"),
    LINES: (".txt",),
}

# Endings of files whose format shows when one looks into them, or is the only one of that name.
OF_CORPORA = (".conllu", ".json", ".csv", ".parquet", ".spacy", ".ann")
STDIN = "-"

Sources = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="SOURCE",
        help="Texts, files, or - for standard input, which is the default. A source that is the "
        "name of a file is read. One that looks like a path, such as notes.txt or ./notes, must be "
        "a file. All others are texts.",
    ),
]


class Input:
    """One source of texts, and how it is read.

    Args:
        source: A text, a file, or - for stdin.
        reading: How a file is read; its format may also be `text` or `lines`, and None guesses.
        command: The name of the command, for messages.

    Raises:
        ConfigError: There is no such format or encoding, or the options do not go together.
        DataError: There is no such file.
    """

    def __init__(self, source: str, reading: "ReadOptions", command: str) -> None:
        self.source = source
        self.reading = reading
        self.is_file = source == STDIN or _exists(source)
        self.format = _known(reading.format) or _guess_format(source, self.is_file, reading)
        if not self.is_file and self.format not in (TEXT, LINES):
            raise DataError(f"{source}: no such file.")
        if not self.is_file and reading.format is None and _looks_like_path(source):
            raise DataError(f"{source}: no such file. If it is a text, add --format text.")
        if reading.columns is not None and self.format != CONLL:
            raise ConfigError(
                f"ner {command}: --columns is for input in CoNLL format. Got {self.format}."
            )
        self.name = "stdin" if source == STDIN else source
        self.notes = _no_notes()
        self.lines = self._lines()

    def _lines(self) -> Iterable[bytes]:
        """Return the raw lines of a file that is read by lines; none of another, or of a text."""
        from ner.data.lines import read_lines

        by_lines = self.is_file and self.format in (TEXT, LINES, CONLL)
        return read_lines(self.source, self.reading.encoding) if by_lines else ()

    def items(self, model: "Predictor") -> "Iterable[str | Sentence]":
        """Return texts, or sentences where the format has more than text.

        Args:
            model: Knows the columns of CoNLL files, if nobody names them, and cuts texts.
        """
        if not self.is_file:
            return self.source.split("\n") if self.format == LINES else [self.source]
        if self.format == LINES:
            return self._texts()
        if self.format == TEXT:
            return ["\n".join(self._texts())]
        from ner.data.formats.conll import read_conll
        from ner.data.formats.read import stream_sentences

        if self.format == CONLL:
            columns = self.columns(model)
            problems = self.reading.problems
            return read_conll(self.lines, self.name, columns, None, problems, notes=self.notes)
        return stream_sentences(
            self.source,
            self.reading,
            format=self.format,
            tokenize=model.tokenizer,
            notes=self.notes,
        )

    def columns(self, model: "Predictor") -> Sequence[str] | None:
        """Return the names of the columns of a CoNLL file, by the user or else by the model."""
        return self.reading.columns or model.columns

    def _texts(self) -> Iterator[str]:
        from ner.data.lines import decode_lines

        for _, text, problem in decode_lines(self.lines, self.name):
            if problem is None:
                yield text
            elif self.reading.problems is None:
                raise problem
            else:
                self.reading.problems.append(problem)


def open_inputs(sources: Sequence[str] | None, reading: "ReadOptions", command: str) -> list[Input]:
    """Open all sources, so that a missing file is told before a model is loaded.

    Raises:
        ConfigError: The options do not go together, or standard input is named twice.
        DataError: There is no such file.
    """
    named = sources or [STDIN]
    if named.count(STDIN) > 1:
        raise ConfigError(f"ner {command}: - may be named only once. Got {' '.join(named)}.")
    return [Input(source, reading, command) for source in named]


def is_typed(inputs: Iterable[Input]) -> bool:
    """Whether somebody types the texts, and waits for an answer after each line."""
    return sys.stdin.isatty() and any(one.source == STDIN for one in inputs)


def _no_notes() -> "Notes":
    from ner.data.spans import Notes

    return Notes()


def _exists(source: str) -> bool:
    try:
        return source != "" and Path(source).exists()
    except (OSError, ValueError):  # a text that can be no name, such as a long one
        return False


def _known(name: str | None) -> str | None:
    if name in (None, TEXT, LINES):
        return name
    from ner.data.formats.registry import FORMATS

    if name not in FORMATS:
        known = (TEXT, LINES, *FORMATS)
        hint = suggestion(name, known)
        raise ConfigError(f"format: must be one of {', '.join(known)}. Got {name!r}.{hint}")
    return name


def _guess_format(source: str, is_file: bool, reading: "ReadOptions") -> str:
    if not is_file:
        return TEXT
    name = _unpacked(source)
    for format_, endings in ENDINGS.items():
        if name.endswith(endings):
            return format_
    if not name.endswith(OF_CORPORA):
        return LINES
    from ner.data.formats.detection import detect_format

    found = detect_format(source, reading.encoding).name
    typer.echo(f"{source}: read as {found}.", err=True)
    return found


def _looks_like_path(source: str) -> bool:
    endings = (*OF_CORPORA, *(ending for group in ENDINGS.values() for ending in group))
    beginnings = ("/", "./", "../", "~/")
    one_word = not any(c.isspace() for c in source)
    return one_word and (_unpacked(source).endswith(endings) or source.startswith(beginnings))


def _unpacked(source: str) -> str:
    from ner.data.compressed import unpacked_name

    return unpacked_name(source.lower())
