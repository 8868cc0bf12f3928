"""A corpus by its name: whatever form it has, sentences come out."""

import json
from collections.abc import Iterator, Sequence
from importlib import resources
from pathlib import Path

from ner.data.formats.records import Tokenize
from ner.data.lines import check_file, is_folder, short
from ner.data.sentence import Sentence, Source
from ner.data.spans import Misaligned, Notes, Overlapping, SpanRules
from ner.data.tokenizer import Tokenizer
from ner.errors import DataError
from ner.files import file_sha256, sha256

# The two files of brat's.
PAIR = (".ann", ".txt")

SAMPLE_SPLITS = ("train", "dev", "test")

CorpusSource = str | Path | Sequence[Sentence]


def read_sentences(
    source: CorpusSource,
    *,
    format: str | None = None,
    encoding: str = "utf-8",
    misaligned: Misaligned = "refuse",
    overlapping: Overlapping = "refuse",
    split: str = "train",
    columns: Sequence[str] | None = None,
    tags: str | None = None,
    target: str | None = None,
    tokenize: Tokenize | None = None,
    hub_tokens: str | None = None,
    hub_tags: str | None = None,
    problems: list[DataError] | None = None,
    notes: Notes | None = None,
) -> list[Sentence]:
    """Read a corpus; sentences without tokens are left out.

    Args:
        source: Sentences; or "sample:train", "sample:dev", "sample:test" for the sample that comes
            with the package; "hub:NAME" or "hub:NAME:SPLIT"; a folder or a file of any of the
            formats in `ner.data.formats.registry`, which may be compressed (.gz, .zst); "-" for
            standard input.
        format: Its name there; by default `ner.data.formats.detection` tells it.
        encoding: Of the file, by the name that Python has for it.
        misaligned: What to do with spans that do not start and end at token borders: "refuse",
            "snap" them outwards to the tokens they touch, or "drop" them.
        overlapping: What to do with spans that overlap, nest or have gaps: "refuse", or "drop"
            all but the longest.
        split: The part of a data set with parts, where `source` does not say it.
        columns: The names of the columns of a file that has no header.
        tags: The column of entity tags, or their key in a CoNLL-U file; "ner" by default.
        target: A column that is to be learnt as it is, such as "upos": every sentence must have
            it, the last of unnamed columns gets this name, and no column is taken for tags.
        tokenize: What cuts raw text; by default `Tokenizer()`.
        hub_tokens: A data set's column of tokens, as for `read_hub`.
        hub_tags: A data set's column of tags, as for `read_hub`.
        problems: Where to put the errors of sentences that cannot be read, which are left out;
            None raises the first one.
        notes: Where to list what was changed or left out; by default a warning sums it up.

    Raises:
        ConfigError: There is no such format or encoding.
        DataError: It cannot be read, or holds no sentences.
    """
    found = stream_sentences(
        source,
        format=format,
        encoding=encoding,
        misaligned=misaligned,
        overlapping=overlapping,
        split=split,
        columns=columns,
        tags=tags,
        target=target,
        tokenize=tokenize,
        hub_tokens=hub_tokens,
        hub_tags=hub_tags,
        problems=problems,
        notes=notes,
    )
    sentences = [sentence for sentence in found if sentence.tokens]
    if not sentences:
        skipped = f" {len(problems)} could not be read." if problems else ""
        raise DataError(f"{source_name(source)}: no sentences.{skipped} At least one is needed.")
    return sentences


def stream_sentences(
    source: CorpusSource,
    *,
    format: str | None = None,
    encoding: str = "utf-8",
    misaligned: Misaligned = "refuse",
    overlapping: Overlapping = "refuse",
    split: str = "train",
    columns: Sequence[str] | None = None,
    tags: str | None = None,
    target: str | None = None,
    tokenize: Tokenize | None = None,
    hub_tokens: str | None = None,
    hub_tags: str | None = None,
    problems: list[DataError] | None = None,
    notes: Notes | None = None,
) -> Iterator[Sentence]:
    """Yield the sentences of a corpus as they are read, also those without tokens.

    The arguments are those of `read_sentences`. Only formats that are one JSON document or one
    binary file are held in memory as a whole.
    """
    if not isinstance(source, str | Path):
        found = _checked(source)
    else:
        # Not at the top: a tagger needs none of the formats, and starts sooner without them.
        from ner.data.formats.base import Reading
        from ner.data.formats.detection import detect_format
        from ner.data.formats.registry import find_format

        chosen = detect_format(source, encoding) if format is None else find_format(format)
        listed = Notes() if notes is None else notes
        reading = Reading(
            tokenize or Tokenizer(),
            encoding,
            columns,
            tags,
            target,
            problems,
            SpanRules(misaligned, overlapping, listed),
            split,
            hub_tokens,
            hub_tags,
        )
        kind, _, rest = str(source).partition(":")
        if kind == "sample":
            found = _named(chosen.read(_sample(rest), reading), str(source))
        else:
            found = chosen.read(source, reading)
        if notes is None:
            found = _warned(found, listed, source_name(source))
    return found if target is None else _with_column(found, target)


def file_digest(source: CorpusSource) -> str | None:
    """Give the SHA-256 of a corpus in hexadecimal digits, or None where there is nothing to hash.

    A folder counts with the names of its files, and so do the two files of brat's. Data sets on
    the hub and standard input have none.

    Raises:
        DataError: There is no such file.
    """
    if not isinstance(source, str | Path):
        return sha256(map(_digested, source))
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
    """Say what messages call a corpus."""
    if not isinstance(source, str | Path):
        return "sentences"
    return "stdin" if str(source) == "-" else str(source)


def _checked(sentences: Sequence[Sentence]) -> Iterator[Sentence]:
    if not isinstance(sentences, Sequence):
        raise DataError(f"sentences: a list of Sentence, or a name. Got {short(sentences)}.")
    for sentence in sentences:
        if not isinstance(sentence, Sentence):
            raise DataError(f"sentences: a list of Sentence. Got {short(sentence)}.")
    return iter(sentences)


def _with_column(sentences: Iterator[Sentence], column: str) -> Iterator[Sentence]:
    for sentence in sentences:
        if column not in sentence.columns and sentence.tokens:
            has = f"the columns {' '.join(sentence.columns)}" if sentence.columns else "none"
            raise DataError(
                f"{sentence.source or 'sentences'}: a column {column!r} is needed. Got {has}."
            )
        yield sentence


def _warned(sentences: Iterator[Sentence], notes: Notes, name: str) -> Iterator[Sentence]:
    yield from sentences
    notes.warn(name)


def _digested(sentence: Sentence) -> bytes:
    """Write what a sentence adds to a digest."""
    known = [sentence.tokens, sentence.spans, sentence.labels, dict(sentence.columns)]
    return json.dumps(known).encode("ascii") + b"\n"


def _sha256(path: Path) -> str:
    check_file(path)
    return file_sha256(path)


def _named(sentences: Iterator[Sentence], name: str) -> Iterator[Sentence]:
    """Say that sentences come from the sample, wherever that is installed."""
    for sentence in sentences:
        line = sentence.source.line if sentence.source else 1
        yield sentence.replace(source=Source(name, line))


def _sample(split: str) -> Path:
    if split not in SAMPLE_SPLITS:
        raise DataError(f"sample: its splits are {' '.join(SAMPLE_SPLITS)}. Got {split!r}.")
    return Path(str(resources.files("ner.data"))) / "sample" / f"{split}.conll"
