"""Options that several commands share, and what commands make of them."""

import inspect
import shlex
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ner.choices import MAX_LINE, OffsetUnit, OnError, Precision, RuntimeName, TokenRules
from ner.cli.commands import with_parameters
from ner.errors import ConfigError, DataError
from ner.messages import tell
from ner.recipes import recipe_names

if TYPE_CHECKING:
    from ner.data.formats.options import ReadOptions
    from ner.data.sentence_splitter import FindStarts
    from ner.data.spans import Notes
    from ner.inference.predictor import Predictor
    from ner.rules.rules import Rules

LowestScore = Annotated[
    str,
    typer.Option(
        "--min-score",
        metavar="SCORE",
        help="Leave out entities whose score is less than this: a number from 0 to 1; one for each "
        "label, such as PER=0.9,ORG=0.8; or a file of ner thresholds.",
    ),
]

RulesOption = Annotated[
    Path | None,
    typer.Option(
        "--rules",
        metavar="TOML",
        help="File of words and patterns that are entities, or never are; the model obeys them.",
    ),
]

NoFormulas = Annotated[
    bool,
    typer.Option(
        "--no-formulas",
        help="Put an apostrophe before cells of CSV and TSV output that a spreadsheet would run as "
        "formulas.",
    ),
]

READING, RUNNING = "Options for reading", "Options for running the model"

Format = Annotated[
    str | None,
    typer.Option(
        "--format",
        rich_help_panel=READING,
        help="Format of the input. By default, it is detected.",
    ),
]

TextFormat = Annotated[
    str | None,
    typer.Option(
        "--format",
        rich_help_panel=READING,
        help="Format of the files: text (each file is one text), lines (each line is one text), or "
        "a format of ner data convert. By default, the ending of a file decides, else lines.",
    ),
]

ENCODING = typer.Option(
    rich_help_panel=READING, help="Character encoding of the input, such as latin-1."
)

Encoding = Annotated[str, ENCODING]

MaxLine = Annotated[
    int,
    typer.Option(
        min=1,
        metavar="BYTES",
        rich_help_panel=READING,
        help="Longest line of the input, in bytes. A longer one is refused.",
    ),
]

Columns = Annotated[
    str | None,
    typer.Option(
        rich_help_panel=READING,
        help="Names of the columns of a CoNLL file, such as 'token pos - ner'; - skips a column. "
        "By default, the first is token and the last is ner. For a table with a header, JSON or a "
        "Hugging Face data set, what columns hold, such as 'text=review label=\"Star rating\"'.",
    ),
]

Tags = Annotated[
    str | None,
    typer.Option(
        rich_help_panel=READING,
        help="Column of the entity tags, or their key in a CoNLL-U file. By default, it is ner.",
    ),
]

Target = Annotated[
    str | None,
    typer.Option(
        rich_help_panel=READING,
        help="Column of plain labels, such as upos, to use in place of entity tags.",
    ),
]

TokenizerOption = Annotated[
    TokenRules | None,
    typer.Option(
        "--tokenizer",
        rich_help_panel=READING,
        help="Rules that split raw text into tokens; by default, conll.",
    ),
]

Pretokenized = Annotated[
    bool,
    typer.Option(
        "--pretokenized",
        rich_help_panel=READING,
        help="Text is already tokenized; split it on whitespace.",
    ),
]

LabelSeparator = Annotated[
    str | None,
    typer.Option(
        rich_help_panel=READING,
        help="What separates several labels in one cell of a CSV or TSV file, such as '|'.",
    ),
]

Offsets = Annotated[
    OffsetUnit,
    typer.Option(
        rich_help_panel=READING,
        help="What the offsets of spans count: characters; utf16 for UTF-16 units, as in "
        "JavaScript; bytes of UTF-8; or crlf where the file counts other line breaks than it has.",
    ),
]

ON_ERROR = typer.Option(
    "--on-error",
    rich_help_panel=READING,
    help="Stop at a sentence that cannot be read, or skip it and list it.",
)

OnErrorOption = Annotated[OnError, ON_ERROR]

Runtime = Annotated[
    RuntimeName,
    typer.Option(
        rich_help_panel=RUNNING,
        help="Library that runs the network. auto takes ONNX Runtime if the model has its files "
        "and runs on the CPU, else torch.",
    ),
]

PrecisionOption = Annotated[
    Precision,
    typer.Option(
        "--precision",
        rich_help_panel=RUNNING,
        help="Precision of the network. int8 is faster, and changes a few predictions.",
    ),
]

DEVICE = typer.Option(
    rich_help_panel=RUNNING, help="Device that runs the network: auto, cpu, cuda or cuda:N."
)

Device = Annotated[str, DEVICE]

SEED = typer.Option(help="Random seed.")

Threads = Annotated[
    int | None,
    typer.Option(
        min=1,
        rich_help_panel=RUNNING,
        help="Number of threads that run the network. By default, all cores are used.",
    ),
]

MODEL_HELP = (
    "Model folder, such as runs/sample/model, the name of an installed model, or hf://org/name on "
    "the Hugging Face hub."
)

ModelArgument = Annotated[
    str,
    typer.Argument(
        metavar="MODEL",
        help=MODEL_HELP,
    ),
]

ConfigArgument = Annotated[
    Path | None,
    typer.Argument(
        metavar="CONFIG",
        autocompletion=recipe_names,
        help="TOML file with settings, or the name of a configuration of ner config list. "
        "Without one, --train is required.",
    ),
]

SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Setting to change, such as encoder.size=100. Repeat it to change several.",
    ),
]

Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Command = Callable[..., None]


def with_options(**groups: Callable[..., Any]) -> Callable[[Command], Command]:
    """Give a command the options of whole groups.

    Args:
        groups: By the name of a parameter of the command, a function whose parameters are options
            of the command line. The command has these options in place of the parameter, which
            gets what the function makes of them.
    """

    def decorate(command: Command) -> Command:
        options = {name: inspect.signature(group).parameters for name, group in groups.items()}

        @wraps(command)
        def call(**given: Any) -> None:
            for name, group in groups.items():
                given[name] = group(**{option: given.pop(option) for option in options[name]})
            command(**given)

        parameters = [
            parameter
            for name, own in inspect.signature(command).parameters.items()
            for parameter in (options[name].values() if name in groups else [own])
        ]
        return with_parameters(call, parameters)

    return decorate


def reading_corpora(
    format_: Format = None,
    encoding: Encoding = "utf-8",
    max_line: MaxLine = MAX_LINE,
    columns: Columns = None,
    tags: Tags = None,
    target: Target = None,
    pretokenized: Pretokenized = False,
    tokenizer: TokenizerOption = None,
    label_separator: LabelSeparator = None,
    offsets: Offsets = "characters",
) -> "ReadOptions":
    """Read the options of the commands of `ner data`.

    Raises:
        ConfigError: Texts are to be cut in two ways.
    """
    from ner.data.formats.records import cut_at_blanks
    from ner.data.tokenizer import Tokenizer

    if pretokenized and tokenizer is not None:
        raise ConfigError("--tokenizer: cuts raw text, and goes without --pretokenized. Got both.")
    rules = None if tokenizer is None else Tokenizer(tokenizer)
    return read_options(
        format_,
        encoding,
        columns,
        max_line=max_line,
        tags=tags,
        target=target,
        tokenize=cut_at_blanks if pretokenized else rules,
        label_separator=label_separator,
        offsets=offsets,
    )


def reading_gold(
    format_: Format = None,
    encoding: Encoding = "utf-8",
    max_line: MaxLine = MAX_LINE,
    columns: Columns = None,
    tags: Tags = None,
    on_error: OnErrorOption = "raise",
) -> "ReadOptions":
    """Read the options of a command that compares a model with gold annotation."""
    problems = error_list(on_error)
    return read_options(format_, encoding, columns, max_line=max_line, tags=tags, problems=problems)


def reading_texts(
    format_: TextFormat = None,
    encoding: Encoding = "utf-8",
    max_line: MaxLine = MAX_LINE,
    columns: Columns = None,
    on_error: OnErrorOption = "raise",
) -> "ReadOptions":
    """Read the options of a command that annotates texts."""
    return read_options(
        format_, encoding, columns, max_line=max_line, problems=error_list(on_error)
    )


def read_options(
    format_: str | None, encoding: str, columns: str | None, **others: Any
) -> "ReadOptions":
    """Turn options of the command line into those of reading."""
    from ner.data.formats.options import ReadOptions

    names = split_columns(columns)
    return ReadOptions(format=format_, encoding=encoding, columns=names, **others)


def running(
    runtime: Runtime = "auto",
    precision: PrecisionOption = "fp32",
    device: Device = "cpu",
    threads: Threads = None,
) -> "Callable[[str], Predictor]":
    """Return a function that loads a model as the options ask."""

    def load_model(model: str) -> "Predictor":
        from ner.inference.loading import load

        return load(model, runtime=runtime, precision=precision, device=device, threads=threads)

    return load_model


def running_fp32(
    runtime: Runtime = "auto", device: Device = "cpu", threads: Threads = None
) -> "Callable[[str], Predictor]":
    """Return a function that loads a model, for a command whose `--precision` is another one."""
    return running(runtime, "fp32", device, threads)


def splitting(
    split_sentences: Annotated[
        bool, typer.Option("--split-sentences", help="Tag each sentence of a text separately.")
    ] = False,
    language: Annotated[
        str, typer.Option(help="Language of the text for --split-sentences, as an ISO 639 code.")
    ] = "en",
    hard_wrapped: Annotated[
        bool,
        typer.Option(
            "--hard-wrapped", help="Text is hard-wrapped; only blank lines end a sentence."
        ),
    ] = False,
) -> "Callable[[], FindStarts | None]":
    """Return a function that returns what finds the sentences of a text, if the options ask."""

    def make_splitter() -> "FindStarts | None":
        from ner.data.sentence_splitter import SentenceSplitter

        return SentenceSplitter(language, lines=not hard_wrapped) if split_sentences else None

    return make_splitter


def read_rules(path: Path | None) -> "Rules | None":
    """Read the file of `--rules`; None without one."""
    if path is None:
        return None
    from ner.rules.rules import Rules

    return Rules.load(path)


def split_columns(columns: str | None) -> tuple[str, ...] | None:
    """Read the names of columns; a name with blanks stands in quotes.

    Raises:
        ConfigError: A quotation mark has no second one.
    """
    words = shlex.shlex(columns or "", posix=True, punctuation_chars="")
    words.whitespace, words.whitespace_split, words.commenters = " \t\n,", True, ""
    try:
        return tuple(words) or None
    except ValueError:
        raise ConfigError(
            f"--columns: must have quotation marks in pairs. Got {columns!r}."
        ) from None


def error_list(on_error: OnError) -> list[DataError] | None:
    """Return a list for errors that are skipped; None where the first one stops the command."""
    return [] if on_error == "skip" else None


def refuse_own_input(source: str, out: str, name: str = "OUT") -> None:
    """Refuse to write over the file that is read.

    Args:
        source: The file that is read.
        out: The file to write.
        name: What messages call the file to write.

    Raises:
        ConfigError: The output is the input.
    """
    with suppress(OSError, ValueError):  # one of them is no file
        if Path(source).is_file() and Path(source).samefile(out):
            raise ConfigError(f"{name}: must be another file than the input. Got {out!r}.")


def list_skipped(problems: Sequence[DataError] | None) -> None:
    """Tell what `--on-error skip` left out."""
    for problem in problems or ():
        tell(f"skipped: {problem}")
    if problems:
        tell(f"Skipped {len(problems)} in total.")


def list_notes(notes: "Notes", name: str) -> None:
    """Tell the warnings of reading a file, and sum up its changes."""
    for line in notes.summary(name):
        tell(line)


def list_lost(lost: Mapping[str, int], format_: str) -> None:
    """Tell what was lost in writing, and in how many sentences."""
    for kind, count in lost.items():
        if count:
            where = "1 sentence" if count == 1 else f"{count} sentences"
            tell(f"lost: {kind} (in {where}); {format_} cannot hold it.")
