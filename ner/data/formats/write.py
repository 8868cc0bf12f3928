"""Sentences to a file of any format; what it cannot hold is refused, or dropped and counted."""

import codecs
import itertools
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ner.data.compressed import created
from ner.data.formats.base import (
    DOCUMENTS,
    EMPTY,
    IDS,
    LABELS,
    PARTIAL,
    SCORES,
    SPACING,
    SPANS,
    TOKENS,
    Format,
    Writing,
)
from ner.data.formats.csv_tables import TAG_NAMES
from ner.data.formats.records import Tokenize
from ner.data.lines import replace_surrogates, short, text_encoding
from ner.data.partial import allowed_from_tags, is_partial, normalize_partial
from ner.data.schemes import Spelling, spans_from_tags
from ner.data.sentence import Sentence
from ner.errors import ConfigError, DataError

# What is refused where a format cannot hold it, unless it may be dropped; other losses are counted.
ANNOTATION = (SPANS, LABELS, PARTIAL)

TAG_COLUMNS = frozenset(TAG_NAMES)

SURROGATES = "lone surrogates"


@dataclass
class Written:
    """What was written, and how many sentences lost what."""

    sentences: int = 0
    tokens: int = 0
    entities: int = 0
    lost: Counter[str] = field(default_factory=Counter)


def write_sentences(
    sentences: Iterable[Sentence],
    path: str | Path,
    to: Format,
    *,
    scheme: Spelling = "BIO",
    encoding: str = "utf-8",
    drop: bool = False,
    target: str | None = None,
    tokenize: Tokenize | None = None,
) -> Written:
    """Write sentences, and say what was lost.

    Args:
        sentences: What to write.
        path: A file, which is packed if its name ends in .gz or .zst; a folder for brat; "-" for
            standard output. It appears when it is whole.
        to: The format.
        scheme: How tags are spelt.
        encoding: Of the file.
        drop: Leave out annotation that the format cannot hold, instead of refusing it.
        target: The column that is written as the last one.
        tokenize: With it, sentences are counted whose tokens a format without tokens loses.

    Raises:
        ConfigError: The format cannot be written, or not there.
        DataError: The format or the encoding cannot hold something.
    """
    written = Written()
    fitting = (_fit(s, n, to, drop, tokenize, written) for n, s in enumerate(sentences, 1))
    kept = (sentence for sentence in fitting if sentence is not None)
    how = Writing(scheme)
    if to.is_table:
        first = next(kept, None)
        if first is not None:
            how = Writing(scheme, _ordered(first, target), _is_annotated(first))
            kept = itertools.chain([first], kept)
        kept = (_in_table(sentence, to, how, drop, written) for sentence in kept)
    if to.save is not None:
        if str(path) == "-":
            raise ConfigError(f"OUT: {to.name} is written to a file or a folder. Got '-'.")
        to.save(kept, Path(path), how)
        return written
    if to.lines is None:
        raise ConfigError(f"format: {to.name} can only be read. Name another to write.")
    lines = to.lines(kept, how)
    content = _encoded(lines, str(path), text_encoding(encoding), written)
    if str(path) == "-":
        for piece in content:
            sys.stdout.buffer.write(piece)
        sys.stdout.flush()
        return written
    with created(Path(path)) as file:
        for piece in content:
            file.write(piece)
    return written


def _is_annotated(sentence: Sentence) -> bool:
    known = (sentence.found_spans, sentence.allowed)
    return any(one is not None for one in known)


def _ordered(sentence: Sentence, target: str | None) -> list[str]:
    """List the columns of a table, that which is to be learnt at the end."""
    return sorted(sentence.columns, key=lambda name: name == target)


def _in_table(
    sentence: Sentence, to: Format, how: Writing, drop: bool, written: Written
) -> Sentence:
    """Fit a sentence into the columns that the first sentence has."""
    where = f"{sentence.source or 'sentences'}"
    foreign = [name for name in sentence.columns if name not in how.columns]
    lost = f"column {foreign[0]!r}" if foreign else SPANS
    if foreign or (_is_annotated(sentence) and not how.tagged):
        if not drop:
            raise DataError(
                f"{where}: has {lost}, which the first sentence has not. In a table, all have the "
                "same columns."
            )
        written.lost[lost] += 1
    if _is_annotated(sentence) or not how.tagged:
        return sentence
    if PARTIAL not in to.holds:
        raise DataError(f"{where}: tags are needed, as the first sentence has them. Got none.")
    # Nothing but O would say that there are no entities.
    return sentence.replace(allowed=((),) * len(sentence))


def _fit(
    sentence: Sentence,
    number: int,
    to: Format,
    drop: bool,
    tokenize: Tokenize | None,
    written: Written,
) -> Sentence | None:
    """Leave out what a format cannot hold, or refuse to."""
    if not sentence.tokens and EMPTY not in to.holds:
        written.lost[EMPTY] += 1
        return None
    spans = sentence.found_spans
    columns = {n: v for n, v in sentence.columns.items() if not _repeats(n, v, sentence)}
    known = {n: v for n, v in columns.items() if to.columns is None or n in to.columns}
    foreign = [n for n, v in columns.items() if n not in known and set(v) != {"_"}]
    lost = [kind for kind, is_there in _contents(sentence, tokenize) if is_there]
    lost = [kind for kind in lost if kind not in to.holds]
    lost += [f"column {name!r}" for name in foreign]
    refused = [kind for kind in lost if kind in ANNOTATION or kind.startswith("column ")]
    if refused and not drop:
        raise DataError(
            f"{sentence.source or f'sentence {number}'}: {to.name} cannot hold {refused[0]}. "
            "Drop it, or choose another format."
        )
    written.lost.update(lost)
    written.sentences += 1
    written.tokens += len(sentence)
    written.entities += len(spans or ()) if SPANS in to.holds else 0
    return sentence.replace(
        spans=sentence.spans if SPANS in to.holds else None,
        prediction=sentence.prediction if SPANS in to.holds else None,
        labels=sentence.labels if LABELS in to.holds else None,
        allowed=sentence.allowed if PARTIAL in to.holds else None,
        columns=known,
    )


def _contents(sentence: Sentence, tokenize: Tokenize | None) -> Iterator[tuple[str, bool]]:
    yield SPANS, bool(sentence.found_entities)
    yield LABELS, bool(sentence.labels)
    yield PARTIAL, sentence.allowed is not None
    yield SPACING, sentence.text != " ".join(sentence.tokens)
    yield IDS, sentence.id is not None
    yield DOCUMENTS, sentence.document is not None
    yield SCORES, sentence.prediction is not None
    if tokenize is not None:
        yield TOKENS, tuple(tokenize(sentence.text)[1]) != tuple(sentence.offsets)


def _repeats(name: str, values: Iterable[str], sentence: Sentence) -> bool:
    """Whether a column is that of the tags which the spans were read from."""
    is_gold = sentence.spans is not None or sentence.allowed is not None
    if name not in TAG_COLUMNS or sentence.prediction is not None or not is_gold:
        return False
    try:
        tags = [normalize_partial(value) for value in values]
    except ValueError:
        return False
    if sentence.allowed is not None:
        return list(allowed_from_tags(tags)) == list(sentence.allowed)
    return not any(map(is_partial, tags)) and spans_from_tags(tags) == list(sentence.spans or ())


def _encoded(lines: Iterable[str], name: str, encoding: str, written: Written) -> Iterator[bytes]:
    # One encoder for all: it writes a byte order mark once.
    encoder = codecs.getincrementalencoder(encoding)()
    # Reading takes a mark off that begins a file, and another where it could be that of UTF-16;
    # one that belongs to the text needs others before it.
    marks = "\ufeff" * (2 if encoding.endswith(("-le", "-be")) else 1)
    for number, line in enumerate(lines, 1):
        clean = replace_surrogates(line)
        if clean != line:
            written.lost[SURROGATES] += 1
        mark = marks if number == 1 and clean.startswith("\ufeff") else ""
        try:
            yield encoder.encode(f"{mark}{clean}\n")
        except UnicodeEncodeError as error:
            raise DataError(
                f"{name}:{number}: {encoding} cannot hold {error.object[error.start]!r}. "
                f"Got {short(clean)}."
            ) from None
