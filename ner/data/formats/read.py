"""A corpus by its name: whatever form it has, sentences come out."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any, Protocol, Unpack

from ner.data.formats.options import ReadKeywords, ReadOptions
from ner.data.lines import check_file, input_name, is_folder
from ner.data.sentence import Sentence, Source
from ner.data.spans import Notes
from ner.errors import DataError
from ner.files import file_sha256, sha256
from ner.messages import logger

# The two files of brat's.
PAIR = (".ann", ".txt")
SAMPLE_SPLITS = ("train", "dev", "test")

# A sentence, a pair, a list of tokens with their tags, or a record.
Item = Sentence | tuple[str | Sequence[str], Any] | Sequence[tuple[str, ...]] | Mapping[str, Any]


class Table(Protocol):
    """A table in memory, such as a DataFrame of pandas."""

    @property
    def columns(self) -> Any:
        """The names of its columns."""
        ...

    def to_dict(self, *arguments: Any, **options: Any) -> Any:
        """Return its rows."""
        ...


class Dataset(Protocol):
    """A data set of Hugging Face."""

    @property
    def features(self) -> Any:
        """What each of its columns holds."""
        ...


# What may be given as a corpus: the name of one, or data in memory.
CorpusSource = str | Path | Iterable[Item] | Table | Dataset | Mapping[Any, Dataset]


def read_sentences(
    source: CorpusSource, options: ReadOptions | None = None, **changes: Unpack[ReadKeywords]
) -> list[Sentence]:
    """Read a corpus into a list; sentences without tokens are left out.

    Args:
        source: Data in memory: a list or generator of `Sentence`, of pairs `(tokens, tags)` or
            `(text, label)`, or of records as in JSON lines; a data set of Hugging Face; or a
            DataFrame with a token or a text on each row. Otherwise the name of a corpus:
            "sample:train", "sample:dev", "sample:test" for the sample that comes with the
            package; "hub:NAME" or "hub:NAME:SPLIT" for a data set of Hugging Face; a
            folder or a file in any format that `ner data convert` reads, which may be packed
            (.gz, .bz2, .xz, .zst); "-" for standard input.
        options: How it is read; by default `ReadOptions()`.
        changes: Fields of `ReadOptions` by their names, in place of those in `options`.

    Raises:
        ConfigError: There is no such option, format or encoding.
        DataError: The corpus cannot be read, or holds no sentences.

    >>> sentences = read_sentences("sample:dev", columns=["token", "ner"])
    >>> sentences[0].columns.keys()
    dict_keys(['ner'])
    """
    chosen = (options or ReadOptions()).updated(**changes)
    sentences = [sentence for sentence in stream_sentences(source, chosen) if sentence.tokens]
    if not sentences:
        skipped = f" {len(chosen.problems)} could not be read." if chosen.problems else ""
        raise DataError(f"{source_name(source)}: no sentences.{skipped} At least one is needed.")
    return sentences


def stream_sentences(
    source: CorpusSource, options: ReadOptions | None = None, **changes: Unpack[ReadKeywords]
) -> Iterator[Sentence]:
    """Yield the sentences of a corpus as they are read, also those without tokens.

    The arguments are those of `read_sentences`. Only formats that are one JSON document or one
    binary file are held in memory as a whole.
    """
    chosen = (options or ReadOptions()).updated(**changes)
    is_name = isinstance(source, str | Path)
    found = _read(source, chosen) if is_name else _noted(source, chosen)
    return found if chosen.target is None else _with_column(found, chosen.target)


def _read(source: str | Path, options: ReadOptions) -> Iterator[Sentence]:
    # Not at the top: a tagger needs none of the formats, and starts sooner without them.
    from ner.data.formats.detection import detect_format
    from ner.data.formats.registry import find_format

    encoding, name = options.encoding, options.format
    found = detect_format(source, encoding) if name is None else find_format(name)
    found.check_options(options)
    logger.debug("%s: read as %s in %s.", source, found.name, encoding)
    notes = Notes()
    noting = options.filled(notes=notes)
    kind, _, rest = str(source).partition(":")
    if kind == "sample":
        sentences = _named(found.read(_sample(rest), noting), str(source))
    else:
        sentences = found.read(source, noting)
    return _warned(sentences, notes, source_name(source)) if options.notes is None else sentences


def _noted(source: CorpusSource, options: ReadOptions) -> Iterator[Sentence]:
    from ner.data.formats.objects import read_objects

    notes = Notes()
    sentences = read_objects(source, options.filled(notes=notes))
    return _warned(sentences, notes, source_name(source)) if options.notes is None else sentences


def file_digest(source: CorpusSource) -> str | None:
    """Return the SHA-256 of a corpus in hexadecimal, or None where there is nothing to hash.

    A folder counts with the names of its files, and so do the two files of brat's. A list has one
    if it holds sentences. Other data in memory, data sets on the hub and standard input have none.

    Raises:
        DataError: There is no such file.
    """
    if not isinstance(source, str | Path):
        items = source if isinstance(source, Sequence) else [None]
        sentences = [item for item in items if isinstance(item, Sentence)]
        return sha256(map(_digested, sentences)) if len(sentences) == len(items) else None
    scheme, _, rest = str(source).partition(":")
    if scheme == "hub" or str(source) == "-":
        return None
    path = _sample(rest) if scheme == "sample" else Path(source)
    folder = path if is_folder(path) else path.parent
    if folder == path:
        files = list(folder.rglob("*"))
    else:
        files = [path.with_suffix(ending) for ending in PAIR if path.suffix in PAIR]
    if folder != path and not (files and all(file.is_file() for file in files)):
        return _sha256(path)
    lines = (
        f"{file.relative_to(folder).as_posix()!a} {_sha256(file)}\n"
        for file in sorted(file for file in files if file.is_file())
    )
    return sha256(line.encode("ascii") for line in lines)


def source_name(source: CorpusSource) -> str:
    """Return what messages call a corpus."""
    return input_name(source) if isinstance(source, str | Path) else "sentences"


def _with_column(sentences: Iterator[Sentence], column: str) -> Iterator[Sentence]:
    for sentence in sentences:
        if column not in sentence.columns and sentence.tokens:
            has = f"the columns {' '.join(sentence.columns)}" if sentence.columns else "none"
            raise DataError(
                f"{sentence.source or 'sentences'}: a column {column!r} is needed. Got {has}. "
                "Name it with --columns, or choose another one with --target."
            )
        yield sentence


def _warned(sentences: Iterator[Sentence], notes: Notes, name: str) -> Iterator[Sentence]:
    yield from sentences
    notes.warn(name)


def _digested(sentence: Sentence) -> bytes:
    """Return what a sentence adds to a digest."""
    annotation = [sentence.spans, sentence.allowed, sentence.labels]
    known = [sentence.tokens, *annotation, dict(sentence.columns)]
    if sentence.allowed_weights is not None:
        known.append(sentence.allowed_weights)
    return json.dumps(known).encode("ascii") + b"\n"


def _sha256(path: Path) -> str:
    check_file(path)
    return file_sha256(path)


def _named(sentences: Iterator[Sentence], name: str) -> Iterator[Sentence]:
    """Name the sample as the source of sentences, wherever it is installed."""
    for sentence in sentences:
        line = sentence.source.line if sentence.source else 1
        yield sentence.replace(source=Source(name, line))


def _sample(split: str) -> Path:
    if split not in SAMPLE_SPLITS:
        raise DataError(
            f"sample: its split must be one of {' '.join(SAMPLE_SPLITS)}. Got {split!r}."
        )
    return Path(str(resources.files("ner.data"))) / "sample" / f"{split}.conll"
