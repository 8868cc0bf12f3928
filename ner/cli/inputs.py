"""What `ner tag` and `ner classify` read: a text, a file, or standard input."""

from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ner.cli.options import OnError
from ner.errors import ConfigError, DataError

if TYPE_CHECKING:
    from ner.data.sentence import Sentence
    from ner.data.tokenizer import Tokenizer


class Format(StrEnum):
    """What the input is."""

    TEXT = "text"
    LINES = "lines"
    CONLL = "conll"
    JSONL = "jsonl"


CONLL_RELEASE = (".train", ".testa", ".testb")  # as in eng.testa
ENDINGS = {
    Format.CONLL: (".conll", ".iob", ".bio", ".bioes", ".bmes", ".col", ".tsv", *CONLL_RELEASE),
    Format.JSONL: (".jsonl", ".ndjson"),
    Format.LINES: (".txt",),
}


SourceArgument = Annotated[
    str, typer.Argument(metavar="[TEXT|FILE|-]", help="A text, a file, or - for stdin.")
]
InputFormat = Annotated[
    Format | None,
    typer.Option(
        "--format",
        help="text: all of it is one text; lines: each line is. By default a file's ending "
        "decides, else lines.",
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

    Raises:
        ConfigError: The options do not go together.
        DataError: There is no such file.
    """

    def __init__(
        self,
        source: str,
        format_: Format | None,
        command: str,
        columns: Sequence[str] | None,
        on_error: OnError,
    ) -> None:
        self.source = source
        self.is_file = source == "-" or _exists(source)
        self.format = format_ or _guess_format(source, self.is_file)
        if not self.is_file and self.format in (Format.CONLL, Format.JSONL):
            raise DataError(f"{source}: no such file.")
        if not self.is_file and format_ is None and _looks_like_path(source):
            raise DataError(f"{source}: no such file. If it is a text, say --format text.")
        if columns is not None and self.format is not Format.CONLL:
            raise ConfigError(
                f"ner {command}: --columns names those of conll input. Got {self.format} input."
            )
        self.name = "stdin" if source == "-" else source
        self.problems: list[DataError] | None = [] if on_error is OnError.SKIP else None

    def lines(self) -> Iterable[bytes]:
        """Give the raw lines of the file; none where it is a text."""
        from ner.data.lines import read_lines

        return read_lines(self.source) if self.is_file else ()

    def items(
        self, lines: Iterable[bytes], columns: Sequence[str] | None, tokenizer: "Tokenizer"
    ) -> "Iterable[str | Sentence]":
        """Give texts, or sentences where the format has more than text."""
        from ner.data.conll import read_conll
        from ner.data.jsonl import read_jsonl

        if not self.is_file:
            return self.source.split("\n") if self.format is Format.LINES else [self.source]
        match self.format:
            case Format.CONLL:
                return read_conll(lines, self.name, columns, None, self.problems)
            case Format.JSONL:
                return read_jsonl(lines, self.name, tokenizer, self.problems)
            case Format.LINES:
                return self._texts(lines)
            case Format.TEXT:
                return ["\n".join(self._texts(lines))]

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


def _guess_format(source: str, is_file: bool) -> Format:
    if not is_file:
        return Format.TEXT
    for format_, endings in ENDINGS.items():
        if source.lower().endswith(endings):
            return format_
    return Format.LINES


def _looks_like_path(source: str) -> bool:
    endings = tuple(ending for some in ENDINGS.values() for ending in some)
    beginnings = ("/", "./", "../", "~/")
    one_word = not any(c.isspace() for c in source)
    return one_word and (source.lower().endswith(endings) or source.startswith(beginnings))
