"""`ner redact`."""

import sys
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ner.choices import RedactionScope
from ner.cli.inputs import STDIN, Input
from ner.cli.looking import JSONL, LINES, TEXT
from ner.cli.options import (
    Encoding,
    TextFormat,
    read_options,
    refuse_own_input,
    running,
    split_columns,
    splitting,
    with_options,
)
from ner.cli.outputs import progress
from ner.cli.printing import print_content
from ner.cli.streams import bursts
from ner.cli.tag import Model
from ner.cli.thresholds import read_min_score
from ner.errors import ConfigError, DataError, suggestion
from ner.installed import DEFAULT
from ner.messages import tell

if TYPE_CHECKING:
    from ner.data.formats.options import ReadOptions
    from ner.data.sentence_splitter import FindStarts
    from ner.data.tools.passages import Passage
    from ner.data.tools.redact import Redactor
    from ner.inference.predictor import Predictor

    Write = Callable[[str], None]

TABLES = {"csv": ",", "tsv": "\t"}
FORMATS = (TEXT, LINES, JSONL, *TABLES)


def reading_in_place(format_: TextFormat = None, encoding: Encoding = "utf-8") -> "ReadOptions":
    """Read the options of a command that changes texts in their file."""
    return read_options(format_, encoding, None)


@with_options(splitting=splitting, reading=reading_in_place, load=running)
def redact(
    *,
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            help="Text, file, or - for standard input, which is the default. A file is text, JSON "
            "lines, CSV or TSV.",
        ),
    ] = STDIN,
    model: Model = None,
    labels: Annotated[
        str | None,
        typer.Option(help="Labels of the entities to replace, such as PER,ORG. By default, all."),
    ] = None,
    min_score: Annotated[
        str,
        typer.Option(
            metavar="SCORE",
            help="Keep entities whose score is less than this as they are: a number from 0 to 1; "
            "one for each label, such as PER=0.9,ORG=0.8; or a file of ner thresholds.",
        ),
    ] = "0",
    fields: Annotated[
        str | None,
        typer.Option(
            help="Fields of JSON lines, or columns of a table, to change, such as title,body. By "
            "default, it is text, or the usual column of texts."
        ),
    ] = None,
    scope: Annotated[
        RedactionScope,
        typer.Option(
            help="Where the same name gets the same number: in the whole run, or in each text, "
            "record or row."
        ),
    ] = "run",
    map_: Annotated[
        Path | None,
        typer.Option(
            "--map",
            metavar="FILE",
            help="Write what the placeholders stand for into a JSON file. The numbers of a file "
            "that is there continue.",
        ),
    ] = None,
    restore: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Put back what the placeholders stand for, by the file of --map. It needs no "
            "model.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", metavar="FILE", help="Output file. By default, it is standard output."
        ),
    ] = None,
    splitting: "Callable[[], FindStarts | None]",
    reading: "ReadOptions",
    load: "Callable[[str], Predictor]",
) -> None:
    """Replace entities by placeholders such as <PER_1>, and change nothing else in the file."""
    given = Input(source, reading, "redact")
    names = split_columns(fields) or ()
    if out is not None:
        refuse_own_input(source, str(out))
    if restore is not None:
        _refuse_with_restore(model=model, map=map_, labels=labels)
        from ner.data.tools.redact import Restorer, read_map

        restorer = Restorer(read_map(restore), str(restore))
        with _writer(given, out) as write:
            for passage in _passages(given, names):
                write(passage.rewritten(restorer.changes(passage)))
                if not given.is_ready():
                    sys.stdout.flush()
        return
    redactor = _redactor(scope, map_)
    tagger = _finder(model or DEFAULT, load)
    chosen = _chosen_labels(labels, tagger)
    lowest = read_min_score(min_score, tagger)
    split = splitting()
    try:
        with _writer(given, out) as write, progress() as watch:
            for burst in bursts(tagger, given, _passages(given, names)):
                texts = _Queue(burst)
                for sentence in watch(tagger.pipe(texts, split=split, min_score=lowest)):
                    entities = [entity for entity in sentence.entities if entity.label in chosen]
                    passage = texts.passed.popleft()
                    write(passage.rewritten(redactor.changes(passage, entities)))
    finally:
        # Whatever was printed before an error can be restored, too.
        if map_ is not None:
            from ner.data.tools.redact import write_map

            write_map(map_, redactor)


class _Queue:
    """The texts of passages, each of which is kept until its answer is there."""

    def __init__(self, passages: "Iterator[Passage]") -> None:
        self.passed: deque[Passage] = deque()
        self._passages = passages

    def __iter__(self) -> Iterator[str]:
        for passage in self._passages:
            self.passed.append(passage)
            yield passage.text


def _refuse_with_restore(**options: object) -> None:
    given = [f"--{name}" for name, value in options.items() if value is not None]
    if given:
        raise ConfigError(f"--restore: goes without {given[0]}. Got both.")


def _redactor(scope: RedactionScope, path: Path | None) -> "Redactor":
    """Return what numbers entities, after those of an earlier run whose map is there.

    Raises:
        ConfigError: The map is for the other scope, or a document is the scope.
        DataError: The file is no map.
    """
    from ner.data.tools.redact import Redactor, read_map

    if path is None or not path.exists():
        return Redactor(scope, is_reversible=path is not None)
    known = read_map(path)
    if scope == "document" or isinstance(known, list):
        raise ConfigError(
            f"{path}: must be a new file, because its numbers are for single texts. "
            "Got one that is there."
        )
    return Redactor(scope, is_reversible=True, known=known)


def _finder(folder: str, load: "Callable[[str], Predictor]") -> "Predictor":
    """Load a model that finds entities.

    Raises:
        ConfigError: It predicts something else.
    """
    model = load(folder)
    task = model.task
    if task.column is not None or not task.is_per_token:
        raise ConfigError(
            f"{folder}: ner redact needs a model that finds spans. Got one that {task.does}."
        )
    return model


def _chosen_labels(labels: str | None, model: "Predictor") -> frozenset[str]:
    chosen = split_columns(labels) or model.labels
    for label in chosen:
        if label not in model.labels:
            raise ConfigError(
                f"--labels: must be labels of the model: {', '.join(model.labels)}. "
                f"Got {label!r}.{suggestion(label, model.labels)}"
            )
    return frozenset(chosen)


def _passages(given: Input, fields: tuple[str, ...]) -> "Iterator[Passage]":
    """Return the texts of a source, with what is between them.

    Raises:
        ConfigError: The source has another format, or `fields` are named of one that has none.
    """
    from ner.data.lines import read_lines, replace_surrogates
    from ner.data.tools.passages import json_passages, table_passages, text_passages

    name, format_, reading = given.name, given.format, given.reading
    if format_ not in FORMATS:
        raise ConfigError(
            f"{name}: ner redact changes files in the formats {', '.join(FORMATS)}. "
            f"Got {format_}. If it is none, name the format: --format lines."
        )
    if fields and format_ in (TEXT, LINES):
        raise ConfigError(
            f"--fields: is for JSON lines and tables. Got {format_}. Otherwise, name the format, "
            "such as --format tsv."
        )
    if format_ in TABLES:
        options = reading.updated(format=format_, notes=given.fields.notes)
        return table_passages(given.source, options, TABLES[format_], fields, tell)
    if given.is_file:
        lines = read_lines(given.source, reading.encoding, keep_returns=True)
    else:
        text = replace_surrogates(given.source)
        lines = [f"{line}\n".encode() for line in text.split("\n")]
    if format_ == JSONL:
        return json_passages(lines, name, fields or ("text",))
    return text_passages(lines, name, is_whole=format_ == TEXT)


@contextmanager
def _writer(given: Input, out: Path | None) -> "Iterator[Write]":
    """Yield what writes text as the source is written: in its encoding, after its mark.

    Raises:
        DataError: The file cannot be written, or a text cannot be encoded.
    """
    from ner.data.compressed import created
    from ner.data.lines import ends_in_returns, mark_and_codec

    start = _start(given) if given.is_file else b""
    mark, codec = mark_and_codec(start, given.reading.encoding)
    # Tables are read with newlines in place of carriage returns.
    has_returns = given.format in TABLES and ends_in_returns(start)
    with ExitStack() as stack:
        file = stack.enter_context(created(out)) if out else None

        def write(text: str) -> None:
            content = text.replace("\n", "\r") if has_returns else text
            try:
                if file is None:
                    print_content(content, codec)
                else:
                    file.write(content.encode(codec))
            except UnicodeEncodeError as error:
                raise DataError(
                    f"{out or 'output'}: must be text that {codec} can encode. "
                    f"Got {error.object[error.start : error.end]!r}."
                ) from None

        write(mark.decode(codec))
        yield write
    sys.stdout.flush()


def _start(given: Input) -> bytes:
    """Return how a file begins."""
    from ner.data.compressed import opened
    from ner.data.lines import PEEKED
    from ner.data.stdin import standard_input

    if given.is_stdin:
        return standard_input().peek(PEEKED)
    with opened(Path(given.source)) as file:
        return file.read(PEEKED)
