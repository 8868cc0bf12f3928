"""brat's standoff format: a text in NAME.txt and its annotation in NAME.ann.

A source is a folder of such pairs, or one of the two files of a pair. Each text becomes one
sentence, also if it has many lines, and its id is the name of its file. A text without annotation
file is not annotated. A span whose fragments are separated only by white space, as brat writes
a span that continues on the next line, is one span; a span with other gaps counts as overlapping.
Relations, events, attributes and comments are counted. The scores of predicted spans are written as
comments, which brat shows beside the span.

Source: https://brat.nlplab.org/standoff.html.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

from ner.data.compressed import created
from ner.data.formats.base import (
    EMPTY,
    IDS,
    SCORES,
    SPACING,
    SPANS,
    Format,
    WriteOptions,
    sentence_name,
)
from ner.data.formats.options import ReadOptions
from ner.data.formats.records import build_sentences, char_span, text_sentence
from ner.data.lines import (
    checked_lines,
    is_folder,
    keep_mark,
    read_lines,
    replace_surrogates,
    short,
)
from ner.data.sentence import PredictedEntity, Sentence, Source
from ner.data.spans import CharSpan, FieldError, Notes, SpanRules, has_gaps, refuse_gaps
from ner.errors import DataError
from ner.files import together

TEXT_ENDING, ANNOTATION_ENDING = ".txt", ".ann"

# What annotations are that are not spans of text, by their first letter.
OTHER_ANNOTATIONS = {
    "R": "relations",
    "*": "relations",
    "E": "events",
    "A": "attributes",
    "M": "attributes",
    "N": "normalizations",
    "#": "comments",
}

FORBIDDEN_IN_NAMES = r'/\:*?"<>|'


def read_brat(source: str | Path, options: ReadOptions) -> Iterator[Sentence]:
    """Yield a sentence for each text.

    Raises:
        DataError: A text is missing, a line is not an annotation, or a span does not fit.
    """
    source = Path(source)
    folder = source if source.is_dir() else source.parent

    def build(path: Path, place: Source) -> Sentence:
        name = path.relative_to(folder).with_suffix("").as_posix()
        lines = checked_lines(
            read_lines(path, options.encoding, max_line=options.max_line, keep_returns=True),
            str(path),
            keep_ends=True,
        )
        text = "".join(line for _, line in lines)
        annotation = path.with_suffix(ANNOTATION_ENDING)
        spans = None
        if annotation.is_file():
            spans = list(_spans(annotation, text, options.encoding, options.rules))
            place = Source(str(annotation), 1)
        return text_sentence(text, spans, place, options.tokenizer, options.rules, id=name)

    texts = ((Source(str(path), 1), path) for path in _text_files(source))
    return build_sentences(texts, build, options.problems)


def is_brat(path: Path) -> bool:
    """Whether a path is a folder with annotation files, or a text with one."""
    if is_folder(path):
        return any(path.rglob(f"*{ANNOTATION_ENDING}"))
    return path.suffix == TEXT_ENDING and path.with_suffix(ANNOTATION_ENDING).is_file()


def write_brat(sentences: Iterable[Sentence], folder: Path, options: WriteOptions) -> None:
    """Write a text and its annotation for each sentence into a folder, which must be new or empty.

    The id of a sentence names its files if a file can have that name; otherwise its number does.

    Raises:
        DataError: The folder is not empty, a name is repeated, or a label holds white space.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DataError(f"{folder}: must be a new or empty folder, for the files of brat.")
    names: set[str] = set()
    with together(folder) as files:
        for number, sentence in enumerate(sentences, 1):
            where = sentence_name(sentence, number)
            name = _file_name(sentence.id) or f"{number:06}"
            if name.lower() in names:
                raise DataError(
                    f"{where}: ids must differ, as they name files. Got {name!r} twice."
                )
            names.add(name.lower())
            files.append(folder / f"{name}{TEXT_ENDING}")
            with created(files[-1]) as file:
                file.write(keep_mark(replace_surrogates(sentence.text)).encode("utf-8"))
            if sentence.found_spans is not None:
                files.append(folder / f"{name}{ANNOTATION_ENDING}")
                with created(files[-1]) as file:
                    for line in _annotation_lines(sentence, where):
                        file.write(line.encode("utf-8", "replace"))


def _text_files(source: Path) -> list[Path]:
    """List the texts of a folder, or the one text of a pair."""
    if not source.is_dir():
        return [source.with_suffix(TEXT_ENDING)]
    endings = (ANNOTATION_ENDING, TEXT_ENDING)
    names = {path.with_suffix("") for ending in endings for path in source.rglob(f"*{ending}")}
    return [name.with_name(name.name + TEXT_ENDING) for name in sorted(names)]


def _spans(path: Path, text: str, encoding: str, rules: SpanRules) -> Iterator[CharSpan]:
    for number, line in checked_lines(read_lines(path, encoding), str(path)):
        where = f"{path}:{number}"
        try:
            if line.startswith("T"):
                yield from _text_bound(line, text, rules, where)
            elif line.strip():
                _count(line, rules.notes)
        except FieldError as error:
            raise DataError(f"{where}: {error}") from None


def _text_bound(line: str, text: str, rules: SpanRules, where: str) -> Iterator[CharSpan]:
    _, _, content = line.partition("\t")
    meaning, _, covered = content.partition("\t")
    label, _, places = meaning.partition(" ")
    try:
        fragments = [tuple(map(int, fragment.split(" "))) for fragment in places.split(";")]
        starts, ends = zip(*fragments, strict=True)
    except ValueError:
        raise FieldError(
            "a span must have a label, a blank, a start and an end (several are separated by ;). "
            f"Got {short(line)}."
        ) from None
    if has_gaps(text, starts, ends, rules.offsets):
        refuse_gaps(f"{places!r} {label}", rules, where)
        return
    span = char_span(starts[0], ends[-1], label, line, covered or None)
    yield span._replace(where=where)


def _count(line: str, notes: Notes) -> None:
    kind = OTHER_ANNOTATIONS.get(line[:1])
    if kind is None:
        letters = " ".join(OTHER_ANNOTATIONS)
        raise FieldError(f"an annotation must begin with one of T {letters}. Got {short(line)}.")
    notes.ignored[kind] += 1


def _file_name(name: str | None) -> str | None:
    """Return the name if a file can have it on any system; None otherwise."""
    is_plain = name is not None and name.isprintable() and not name.startswith((".", " "))
    if not is_plain or not name or any(c in FORBIDDEN_IN_NAMES for c in name):
        return None
    return name if len(name.encode()) <= 200 else None


def _annotation_lines(sentence: Sentence, where: str) -> Iterator[str]:
    for i, entity in enumerate(sentence.found_entities, 1):
        if not entity.label or any(c.isspace() for c in entity.label):
            raise DataError(
                f"{where}: in files of brat, a label must not hold white space. "
                f"Got {entity.label!r}."
            )
        covered = replace_surrogates(entity.text).replace("\n", " ").replace("\r", " ")
        yield f"T{i}\t{entity.label} {entity.start} {entity.end}\t{covered}\n"
        if isinstance(entity, PredictedEntity):
            yield f"#{i}\tAnnotatorNotes T{i}\tscore {entity.score:.6f}\n"


def _lost(sentence: Sentence) -> Iterator[str]:
    if sentence.id is not None and _file_name(sentence.id) is None:
        yield IDS


FORMAT = Format(
    "brat",
    "standoff files of brat: a folder, or a pair of .txt and .ann",
    frozenset({SPANS, SPACING, IDS, EMPTY, SCORES}),
    read_brat,
    save=write_brat,
    endings=(ANNOTATION_ENDING,),
    options=frozenset({"offsets"}),
    loses=_lost,
)
