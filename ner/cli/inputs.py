"""What `ner tag` and `ner classify` read: a text, a file, or standard input."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ner.cli.options import OnError
from ner.errors import ConfigError, DataError

if TYPE_CHECKING:
    from ner.data.sentence import Sentence
    from ner.data.tokenizer import Tokenizer

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

SourceArgument = Annotated[
    str, typer.Argument(metavar="[TEXT|FILE|-]", help="A text, a file, or - for stdin.")
]

InputFormat = Annotated[
    str | None,
    typer.Option(
        "--format",
        help="text: all of it is one text; lines: each line is; or any format of ner data convert. "
        "By default a file's ending decides, else lines.",
    ),
]


class Input:
    """Where texts come from, and how they are read.

    Args:
        source: A text, a file, or - for stdin.
        format_: As the user named it; None guesses.
        command: The name of the command, for messages.
        columns: Names of the columns of a column file.
        on_error: What to do with what cannot be read.
        encoding: Of a file, or of stdin.

    Raises:
        ConfigError: There is no such format or encoding, or the options do not go together.
        DataError: There is no such file.
    """

    def __init__(
        self,
        source: str,
        format_: str | None,
        command: str,
        columns: Sequence[str] | None,
        on_error: OnError,
        encoding: str = "utf-8",
    ) -> None:
        self.source = source
        self.encoding = encoding
        self.is_file = source == "-" or _exists(source)
        self.format = _known(format_) if format_ else _guess_format(source, self.is_file, encoding)
        if not self.is_file and self.format not in (TEXT, LINES):
            raise DataError(f"{source}: no such file.")
        if not self.is_file and format_ is None and _looks_like_path(source):
            raise DataError(f"{source}: no such file. If it is a text, say --format text.")
        if columns is not None and self.format != CONLL:
            raise ConfigError(
                f"ner {command}: --columns names those of conll input. Got {self.format} input."
            )
        self.name = "stdin" if source == "-" else source
        self.problems: list[DataError] | None = [] if on_error is OnError.SKIP else None

    def lines(self) -> Iterable[bytes]:
        """Give the raw lines of a file that is read by lines; none of another, or of a text."""
        from ner.data.lines import read_lines

        by_lines = self.is_file and self.format in (TEXT, LINES, CONLL)
        return read_lines(self.source, self.encoding) if by_lines else ()

    def items(
        self, lines: Iterable[bytes], columns: Sequence[str] | None, tokenizer: "Tokenizer"
    ) -> "Iterable[str | Sentence]":
        """Give texts, or sentences where the format has more than text."""
        if not self.is_file:
            return self.source.split("\n") if self.format == LINES else [self.source]
        if self.format == LINES:
            return self._texts(lines)
        if self.format == TEXT:
            return ["\n".join(self._texts(lines))]
        from ner.data.formats.conll import read_conll
        from ner.data.formats.read import stream_sentences

        if self.format == CONLL:
            return read_conll(lines, self.name, columns, None, self.problems)
        return stream_sentences(
            self.source,
            format=self.format,
            encoding=self.encoding,
            tokenize=tokenizer,
            problems=self.problems,
        )

    def _texts(self, lines: Iterable[bytes]) -> Iterator[str]:
        from ner.data.lines import decode_lines

        for _, text, problem in decode_lines(lines, self.name):
            if problem is None:
                yield text
            elif self.problems is None:
                raise problem
            else:
                self.problems.append(problem)


def _exists(source: str) -> bool:
    try:
        return source != "" and Path(source).exists()
    except (OSError, ValueError):  # a text that can be no name, such as a long one
        return False


def _known(name: str) -> str:
    if name in (TEXT, LINES):
        return name
    from ner.data.formats.registry import FORMATS

    if name not in FORMATS:
        known = ", ".join((TEXT, LINES, *FORMATS))
        raise ConfigError(f"format: must be one of {known}. Got {name!r}.")
    return name


def _guess_format(source: str, is_file: bool, encoding: str) -> str:
    if not is_file:
        return TEXT
    name = _unpacked(source)
    for format_, endings in ENDINGS.items():
        if name.endswith(endings):
            return format_
    if not name.endswith(OF_CORPORA):
        return LINES
    from ner.data.formats.detection import detect_format

    found = detect_format(source, encoding).name
    typer.echo(f"{source}: read as {found}.", err=True)
    return found


def _looks_like_path(source: str) -> bool:
    endings = (*OF_CORPORA, *(ending for some in ENDINGS.values() for ending in some))
    beginnings = ("/", "./", "../", "~/")
    one_word = not any(c.isspace() for c in source)
    return one_word and (_unpacked(source).endswith(endings) or source.startswith(beginnings))


def _unpacked(source: str) -> str:
    from ner.data.compressed import unpacked_name

    return unpacked_name(source.lower())
