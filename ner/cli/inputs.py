"""What `ner tag` and `ner classify` read: texts, files, or standard input."""

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ner.cli.looking import (
    CONLL,
    JSON,
    JSONL,
    LINES,
    TEXT,
    columns_without_gold,
    format_by_first_line,
    format_by_name,
    look_into,
    looks_like_path,
    read_start,
)
from ner.cli.record_fields import SKIPPED, RecordFields, Skipped
from ner.download import is_hub_name
from ner.errors import ConfigError, DataError, suggestion
from ner.files import MANIFEST
from ner.messages import tell

if TYPE_CHECKING:
    from ner.data.formats.options import ReadOptions
    from ner.data.sentence import Sentence
    from ner.data.tokenizer import Tokenize
    from ner.inference.predictor import Predictor

    Item = str | Sentence | Skipped

STDIN = "-"

Sources = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="SOURCE",
        help="Texts, files, or - for standard input, which is the default. A source that is the "
        "name of a file is read. One that looks like a path, such as notes.txt or ./notes, must be "
        "a file. All others are texts. If the first one is the folder of a model, it is the "
        "model.",
    ),
]


class Input:
    """One source of texts, and how it is read.

    Args:
        source: A text, a file, or - for stdin.
        reading: How a file is read; its format may also be `text` or `lines`, and None looks into
            the file.
        command: The name of the command, for messages.

    Raises:
        ConfigError: There is no such format or encoding, or the options do not go together.
        DataError: There is no such file.
    """

    def __init__(self, source: str, reading: "ReadOptions", command: str) -> None:
        self.source = source
        self.reading = reading
        self.is_file = source == STDIN or _exists(source)
        self.name = "stdin" if source == STDIN else source
        self.fields = RecordFields()
        self.num_replaced = 0
        """How many texts had annotation in place of which there is a prediction."""
        self.is_stdin = source == STDIN or (is_stream(source))
        self._said: set[str] = set()
        named = _known(reading.format)
        if not self.is_file and named not in (None, TEXT, LINES):
            raise DataError(f"{source}: no such file.")
        if not self.is_file and named is None and looks_like_path(source):
            raise DataError(f"{source}: no such file. If it is a text, add --format text.")
        if reading.columns is not None and (named in (TEXT, LINES) or not self.is_file):
            raise ConfigError(
                f"ner {command}: --columns is for files with columns. Got {named or TEXT}."
            )
        if not self.is_stdin:
            # A file that cannot be read is told before a model is loaded.
            _ = self.format

    @cached_property
    def format(self) -> str:
        """The name of the format; that of standard input is known when something has come."""
        reading = self.reading
        if given := _known(reading.format) or (None if self.is_file else TEXT):
            return given
        if found := format_by_name(self.source):
            marked = format_by_first_line(self.source, reading.encoding) if found == CONLL else None
            if marked is not None:
                self._say(f"{self.name}: read as {marked}.")
            return marked or found
        has_columns = reading.columns is not None
        found, is_seen = look_into(self.source, reading.encoding, is_columns=has_columns)
        if is_seen:
            self._say(f"{self.name}: read as {found}.")
        return found

    @cached_property
    def lines(self) -> Iterable[bytes]:
        """The raw lines of a file that is read by lines; none of another, or of a text."""
        from ner.data.lines import read_lines

        if not self.is_file or self.format not in (TEXT, LINES, CONLL, JSONL, JSON):
            return ()
        is_whole = self.format == TEXT
        return read_lines(
            self.source,
            self.reading.encoding,
            max_line=self.reading.max_line,
            keep_returns=is_whole,
        )

    def items(self, model: "Predictor") -> "Iterable[Item]":
        """Return texts, or sentences where the format has more than text.

        Where a line of standard input is no text, and the command goes on, there is `SKIPPED`.

        Args:
            model: Knows how files with columns are read, if nobody says so, and cuts texts.
        """
        self.fields.is_text = self.is_text
        if self.is_text:
            return self.texts(model.tokenizer)
        from ner.data.formats.conll import read_conll
        from ner.data.formats.read import stream_sentences

        options = self.options(model)
        if self.format == CONLL:
            return read_conll(
                self.lines,
                self.name,
                options.columns,
                None,
                options.problems,
                notes=options.notes,
            )
        if self.format in (JSONL, JSON):
            is_list = self.format == JSON
            return self.fields.read(
                self.lines, self.name, options, is_list=is_list, is_stdin=self.is_stdin
            )
        return stream_sentences(self.source, options)

    @property
    def is_text(self) -> bool:
        """Whether the source is raw text, and no corpus."""
        return self.format in (TEXT, LINES)

    def texts(self, tokenizer: "Tokenize") -> "Iterable[Item]":
        """Return the texts of a source that `is_text`; see `items`.

        Args:
            tokenizer: Cuts those that have to be sentences, so that their lines are known.
        """
        if not self.is_file:
            return self.source.split("\n") if self.format == LINES else [self.source]
        return self._texts(tokenizer) if self.format == LINES else [self._whole_text()]

    def options(self, model: "Predictor") -> "ReadOptions":
        """Return how an annotated file is read: as the user says, or else as in training."""
        from ner.inference.reading import as_in_training, in_words

        options = self.reading.updated(
            format=self.format,
            tokenize=model.tokenizer,
            # Gold spans are replaced by predicted ones, so they need not fit.
            misaligned="drop",
            overlapping="drop",
            notes=self.fields.notes,
        )
        taken = as_in_training(model.record, options)
        if self.format == CONLL and (columns := taken.get("columns")):
            gold = model.task.column or taken.get("tags") or options.tag_column
            taken["columns"] = columns_without_gold(columns, self._first_row(), gold)
        if taken:
            self._say(f"{self.name}: {in_words(taken)}")
        if self.reading.columns is not None:
            from ner.data.formats.registry import find_format

            find_format(self.format).check_options(self.reading)
        return options.updated(**taken)

    def _first_row(self) -> str:
        """Return the first row of a column file that is part of a sentence; "" without any."""
        rows = (line.strip(" \t") for line in read_start(self.source, self.reading.encoding))
        return next((r for r in rows if r and not r.startswith(("#", "-DOCSTART-"))), "")

    def is_ready(self) -> bool:
        """Whether the next text is there, so that nobody has to wait for it."""
        if not self.is_stdin:
            return True
        from ner.data.stdin import opened_stream, standard_input

        stream = standard_input() if self.source == STDIN else opened_stream(self.source)
        if stream is None:
            return True
        # A blank line ends a sentence of columns, is no record, and may be a text.
        return stream.has_line(blank={CONLL: True, LINES: None}.get(self.format, False))

    def _say(self, line: str) -> None:
        """Tell the user something, once."""
        if line not in self._said:
            self._said.add(line)
            tell(line)

    def _texts(self, tokenizer: "Tokenize") -> "Iterator[Item]":
        """Yield the lines; where some may be skipped, with their numbers."""
        from ner.data.formats.records import text_sentence
        from ner.data.lines import decode_lines
        from ner.data.sentence import Source

        problems, rules = self.reading.problems, self.reading.rules
        for number, text, problem in decode_lines(self.lines, self.name):
            if problems is None:
                if problem is not None:
                    raise problem
                yield text
            elif problem is None:
                place = Source(self.name, number)
                yield text_sentence(text, None, place, tokenizer, rules)
            else:
                problems.append(problem)
                if self.is_stdin:
                    yield SKIPPED

    def _whole_text(self) -> str:
        """Return the text of a file as it is, without the line break at its end."""
        from ner.data.lines import decode_lines

        parts: list[str] = []
        size = 0
        for number, line, problem in decode_lines(self.lines, self.name, keep_ends=True):
            size += len(line)
            if size > self.reading.max_line:
                raise DataError(
                    f"{self.name}:{number}: a text must have at most {self.reading.max_line} "
                    "characters. Got more. Allow more: --max-line."
                )
            if problem is None:
                parts.append(line)
            elif self.reading.problems is None:
                raise problem
            else:
                self.reading.problems.append(problem)
        return "".join(parts).removesuffix("\n").removesuffix("\r")


def split_model(
    sources: list[str] | None, model: str | None, command: str
) -> tuple[str | None, list[str] | None]:
    """Return the model and the sources; the first source is the model if it is one.

    So the model may come first, as in the commands that always need one.

    Args:
        sources: What the user named.
        model: What `--model` says; None without it.
        command: The name of the command, for messages.

    Raises:
        ConfigError: There are two models.
    """
    first = sources[0] if sources else ""
    if not sources or not (is_hub_name(first) or _exists(str(Path(first, MANIFEST)))):
        return model, sources
    if model is not None:
        raise ConfigError(f"ner {command}: one model is expected. Got {first} and --model {model}.")
    return first, sources[1:]


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


def _exists(source: str) -> bool:
    try:
        return source != "" and Path(source).exists()
    except (OSError, ValueError):  # a text that can be no name, such as a long one
        return False


def is_stream(source: str) -> bool:
    """Open a pipe, such as `<(zcat texts.gz)` in a shell; whether the source is one.

    Raises:
        DataError: It cannot be opened.
    """
    from ner.data.stdin import open_stream

    try:
        return _exists(source) and open_stream(source)
    except OSError as error:
        raise DataError(f"{source}: cannot be read. {error.strerror}.") from None


def _known(name: str | None) -> str | None:
    if name in (None, TEXT, LINES):
        return name
    from ner.data.formats.registry import FORMATS

    if name not in FORMATS:
        known = (TEXT, LINES, *FORMATS)
        hint = suggestion(name, known)
        raise ConfigError(f"format: must be one of {', '.join(known)}. Got {name!r}.{hint}")
    return name
