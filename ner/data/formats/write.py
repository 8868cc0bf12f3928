"""Sentences to a file of any format.

Annotation that a format cannot hold is refused, or dropped and counted. Other losses are counted.
"""

import codecs
import itertools
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ner.choices import Spelling
from ner.data.compressed import created
from ner.data.formats.base import (
    BLANK_TOKENS,
    DOCUMENTS,
    EMPTY,
    IDS,
    LABELS,
    LABELS_BESIDE_SPANS,
    PARTIAL,
    SCORES,
    SPACING,
    SPANS,
    TOKENS,
    Format,
    WriteOptions,
    sentence_name,
)
from ner.data.formats.blank_tokens import without_blank_tokens
from ner.data.formats.columns import TAG_NAMES
from ner.data.formats.options import DEFAULT_TAGS
from ner.data.formats.records import Tokenize
from ner.data.lines import keep_mark, replace_surrogates, short, text_encoding
from ner.data.partial import allowed_from_tags, is_partial, normalize_partial
from ner.data.schemes import spans_from_tags
from ner.data.sentence import Sentence
from ner.display import visible
from ner.errors import ConfigError, DataError

# Annotation is refused if a format cannot hold it, unless it may be dropped.
ANNOTATION = (SPANS, LABELS, LABELS_BESIDE_SPANS, PARTIAL)
SURROGATES = "lone surrogates"


@dataclass
class Written:
    """How much was written, and how many sentences lost what.

    `columns` are the names of the columns of a file that has none in it; None for other files.
    """

    sentences: int = 0
    tokens: int = 0
    entities: int = 0
    lost: Counter[str] = field(default_factory=Counter)
    columns: tuple[str, ...] | None = None


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
    formulas: bool = True,
) -> Written:
    """Write sentences, and return what was lost.

    Args:
        sentences: The sentences to write.
        path: A file, which is packed if its name ends in .gz, .bz2, .xz or .zst; a folder for brat;
            "-" for standard output. The file appears when it is complete.
        to: The format.
        scheme: The spelling of the tags.
        encoding: The encoding of the file.
        drop: Whether to leave out annotation that the format cannot hold. By default it is refused.
        target: The column to write as the last one.
        tokenize: If set, sentences are counted whose tokens are lost in a format without tokens.
        formulas: Whether a cell of a CSV or TSV file may begin as a formula does; otherwise it gets
            an apostrophe.

    Raises:
        ConfigError: The format cannot be written, or not to standard output.
        DataError: The format or the encoding cannot hold something.
    """
    if not (formulas or to.has_cells):
        raise ConfigError(f"--no-formulas: is for CSV and TSV files. Got {to.name}.")
    written = Written()
    fitting = (_fit(s, n, to, drop, tokenize, written) for n, s in enumerate(sentences, 1))
    kept = (sentence for sentence in fitting if sentence is not None)
    options = WriteOptions(scheme, formulas=formulas)
    if to.is_table:
        first = next(kept, None)
        if first is not None:
            columns = _ordered(first, target)
            options = WriteOptions(scheme, columns, _is_annotated(first), formulas)
            kept = itertools.chain([first], kept)
            if not to.roles:
                written.columns = ("token", *options.columns, *([DEFAULT_TAGS] * options.tagged))
        kept = (_in_table(sentence, to, options, drop, written) for sentence in kept)
    if to.save is not None:
        if str(path) == "-":
            raise ConfigError(f"OUT: must be a file or a folder for {to.name}. Got '-'.")
        to.save(kept, Path(path), options)
        return written
    if to.lines is None:
        raise ConfigError(f"format: must be one that can be written. Got {to.name!r}.")
    lines = to.lines(kept, options)
    write_bytes(_encoded(lines, str(path), text_encoding(encoding), written), path)
    return written


def write_bytes(content: Iterable[bytes], path: str | Path) -> None:
    """Write the content of a file, or of standard output for "-".

    A terminal gets escapes in place of characters that it would obey.

    Raises:
        DataError: The file cannot be written.
    """
    if str(path) == "-":
        is_terminal = sys.stdout.isatty()
        for line in content:
            shown = visible(line.decode(errors="replace")).encode() if is_terminal else line
            sys.stdout.buffer.write(shown)
        sys.stdout.flush()
        return
    with created(Path(path)) as file:
        for line in content:
            file.write(line)


def _is_annotated(sentence: Sentence) -> bool:
    return sentence.found_spans is not None or sentence.allowed is not None


def _ordered(sentence: Sentence, target: str | None) -> list[str]:
    """List the columns of a table, with the target column at the end."""
    return sorted(sentence.columns, key=lambda name: name == target)


def _in_table(
    sentence: Sentence, to: Format, options: WriteOptions, drop: bool, written: Written
) -> Sentence:
    """Fit a sentence into the columns of the first sentence."""
    where = f"{sentence.source or 'sentences'}"
    lost = [f"column {name!r}" for name in sentence.columns if name not in options.columns]
    if _is_annotated(sentence) and not options.tagged:
        lost.append(SPANS)
    if lost and not drop:
        raise DataError(
            f"{where}: all sentences of a table must have the columns of the first one. "
            f"Got {lost[0]}, which it does not have."
        )
    written.lost.update(lost)
    if _is_annotated(sentence) or not options.tagged:
        return sentence
    if PARTIAL not in to.holds:
        raise DataError(f"{where}: must have tags, as the first sentence has. Got none.")
    # Tags that are all O would say that the sentence has no entities.
    return sentence.replace(allowed=((),) * len(sentence))


def _fit(
    sentence: Sentence,
    number: int,
    to: Format,
    drop: bool,
    tokenize: Tokenize | None,
    written: Written,
) -> Sentence | None:
    """Leave out what a format cannot hold, or refuse the sentence."""
    if not sentence.tokens and EMPTY not in to.holds:
        written.lost[EMPTY] += 1
        return None
    if TOKENS in to.holds and BLANK_TOKENS not in to.holds:
        sentence = _without_blank_tokens(sentence, number, to, drop, written)
        if not sentence.tokens:
            written.lost[EMPTY] += 1
            return None
    spans = sentence.found_spans
    columns = {n: v for n, v in sentence.columns.items() if not repeats_tags(n, v, sentence)}
    kept = {n: v for n, v in columns.items() if to.columns is None or n in to.columns}
    foreign = [n for n, v in columns.items() if n not in kept and set(v) != {"_"}]
    lost = [kind for kind, has_it in _contents(sentence, tokenize) if has_it]
    lost = [kind for kind in lost if kind not in to.holds]
    lost += [f"column {name!r}" for name in foreign]
    lost += [] if to.loses is None else to.loses(sentence)
    for kind in lost:
        if kind in ANNOTATION or kind.startswith("column "):
            _refuse_or_count(kind, sentence, number, to, drop, written)
        else:
            written.lost[kind] += 1
    written.sentences += 1
    written.tokens += len(sentence)
    written.entities += len(spans or ()) if SPANS in to.holds else 0
    return sentence.replace(
        spans=sentence.spans if SPANS in to.holds else None,
        prediction=sentence.prediction if SPANS in to.holds else None,
        labels=sentence.labels if LABELS in to.holds else None,
        allowed=sentence.allowed if PARTIAL in to.holds else None,
        columns=kept,
    )


def _without_blank_tokens(
    sentence: Sentence, number: int, to: Format, drop: bool, written: Written
) -> Sentence:
    """Leave out tokens of white space, which annotation tools have between lines."""
    kept = without_blank_tokens(sentence)
    if kept is sentence:
        return sentence
    if len(kept.found_spans or ()) < len(sentence.found_spans or ()):
        _refuse_or_count(f"{SPANS} of white space", sentence, number, to, drop, written)
    written.lost[BLANK_TOKENS] += 1
    return kept


def _refuse_or_count(
    kind: str, sentence: Sentence, number: int, to: Format, drop: bool, written: Written
) -> None:
    """Count a loss of annotation.

    Raises:
        DataError: Annotation may not be dropped.
    """
    if not drop:
        raise DataError(
            f"{sentence_name(sentence, number)}: {to.name} cannot hold {kind}. "
            "Drop it, or choose another format."
        )
    written.lost[kind] += 1


def _contents(sentence: Sentence, tokenize: Tokenize | None) -> Iterator[tuple[str, bool]]:
    """Yield the kinds of content, and whether the sentence has each of them."""
    yield SPANS, bool(sentence.found_entities)
    yield LABELS, bool(sentence.labels)
    yield PARTIAL, sentence.allowed is not None
    yield SPACING, sentence.text != " ".join(sentence.tokens)
    yield IDS, sentence.id is not None
    yield DOCUMENTS, sentence.document is not None
    yield SCORES, sentence.prediction is not None
    if tokenize is not None:
        yield TOKENS, tuple(tokenize(sentence.text)[1]) != tuple(sentence.offsets)


def repeats_tags(name: str, values: Iterable[str], sentence: Sentence) -> bool:
    """Whether a column holds the tags from which the spans were read."""
    is_gold = sentence.spans is not None or sentence.allowed is not None
    if name not in TAG_NAMES or sentence.prediction is not None or not is_gold:
        return False
    try:
        tags = [normalize_partial(value) for value in values]
    except ValueError:
        return False
    if sentence.allowed is not None:
        return list(allowed_from_tags(tags)) == list(sentence.allowed)
    return not any(map(is_partial, tags)) and spans_from_tags(tags) == list(sentence.spans or ())


def _encoded(lines: Iterable[str], name: str, encoding: str, written: Written) -> Iterator[bytes]:
    # One encoder for all lines writes a byte order mark once.
    encoder = codecs.getincrementalencoder(encoding)()
    for number, line in enumerate(lines, 1):
        clean = replace_surrogates(line)
        if clean != line:
            written.lost[SURROGATES] += 1
        try:
            yield encoder.encode(f"{keep_mark(clean, encoding) if number == 1 else clean}\n")
        except UnicodeEncodeError as error:
            raise DataError(
                f"{name}:{number}: {encoding} cannot hold {error.object[error.start]!r}. "
                f"Got {short(clean)}."
            ) from None
