"""brat's standoff: a text in NAME.txt, its annotation in NAME.ann; a pair, or a folder of them.

Source: https://brat.nlplab.org/standoff.html.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

from ner.data.compressed import created
from ner.data.formats.base import Reading, Writing
from ner.data.formats.records import Tokenize, build_sentences, char_span, text_sentence
from ner.data.lines import checked_lines, read_lines, replace_surrogates, short
from ner.data.sentence import Sentence, Source
from ner.data.spans import CharSpan, FieldError, Notes, SpanRules, refuse_gaps
from ner.errors import DataError

TEXT, ANNOTATION = ".txt", ".ann"

# The first letters of what is no span of text.
OTHERS = {
    "R": "relations",
    "*": "relations",
    "E": "events",
    "A": "attributes",
    "M": "attributes",
    "N": "normalizations",
    "#": "comments",
}


def read_brat(
    source: Path,
    tokenize: Tokenize,
    encoding: str = "utf-8",
    problems: list[DataError] | None = None,
    rules: SpanRules | None = None,
) -> Iterator[Sentence]:
    """Yield a sentence for each text, which may have many lines; its id is the file's name.

    A text without annotation file is not annotated. A span whose parts are kept apart by nothing
    but white space, as brat writes one that goes on over the end of a line, is one span; one with
    other gaps counts as overlapping. Relations, events, attributes and comments are counted.

    Args:
        source: A folder, or one of the two files of a pair.
        tokenize: Cuts the texts.
        encoding: Of all files.
        problems: Where to put the errors of texts that cannot be read, which are left out; None
            raises the first one.
        rules: What to do with spans that are not whole tokens, or overlap; None refuses them.

    Raises:
        DataError: A text is missing, a line is no annotation, or a span does not fit.
    """
    used = rules or SpanRules()
    folder = source if source.is_dir() else source.parent
    texts = text_files(source)

    def build(path: Path, place: Source) -> Sentence:
        name = path.relative_to(folder).with_suffix("").as_posix()
        text = _content(path, encoding)
        annotation = path.with_suffix(ANNOTATION)
        spans = None
        if annotation.is_file():
            spans = list(_spans(annotation, text, encoding, used))
            place = Source(str(annotation), 1)
        return text_sentence(text, spans, place, tokenize, used, id=name)

    return build_sentences(((Source(str(path), 1), path) for path in texts), build, problems)


def text_files(source: Path) -> list[Path]:
    """List the texts of a folder, or the one text of a pair."""
    if not source.is_dir():
        return [source.with_suffix(TEXT)]
    names = {path.with_suffix("") for path in source.rglob(f"*{ANNOTATION}")}
    names |= {path.with_suffix("") for path in source.rglob(f"*{TEXT}")}
    return [name.with_name(name.name + TEXT) for name in sorted(names)]


def write_brat(sentences: Iterable[Sentence], folder: Path) -> None:
    """Write a text and its annotation for each sentence into a folder, which must be new or empty.

    They are called by the sentence's id where it has one that can name a file, else by its number.

    Raises:
        DataError: The folder holds something, a name comes twice, or a label holds white space.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DataError(f"{folder}: a new or empty folder is needed for brat's files.")
    folder.mkdir(parents=True, exist_ok=True)
    used: set[str] = set()
    for number, sentence in enumerate(sentences, 1):
        name = _file_name(sentence.id) or f"{number:06}"
        if name.lower() in used:
            raise DataError(
                f"{sentence.source or f'sentence {number}'}: ids name brat's files. "
                f"Got {name!r} twice."
            )
        used.add(name.lower())
        text = replace_surrogates(sentence.text)
        with created(folder / f"{name}{TEXT}") as file:
            file.write(_bom(text) + text.encode("utf-8"))
        if sentence.found_spans is None:
            continue
        with created(folder / f"{name}{ANNOTATION}") as file:
            for i, entity in enumerate(sentence.found_entities, 1):
                if not entity.label or any(c.isspace() for c in entity.label):
                    raise DataError(
                        f"{sentence.source or f'sentence {number}'}: in brat's files, a label "
                        f"holds no blanks. Got {entity.label!r}."
                    )
                covered = replace_surrogates(entity.text).replace("\n", " ").replace("\r", " ")
                line = f"T{i}\t{entity.label} {entity.start} {entity.end}\t{covered}\n"
                file.write(line.encode("utf-8", "replace"))


def _bom(text: str) -> bytes:
    # A mark that is part of the text needs one before it, which reading takes off.
    return "\ufeff".encode() if text.startswith("\ufeff") else b""


def _file_name(name: str | None) -> str | None:
    is_plain = name is not None and name.isprintable() and not name.startswith((".", " "))
    if not is_plain or not name or any(c in r'/\:*?"<>|' for c in name) or len(name.encode()) > 200:
        return None
    return name


def _content(path: Path, encoding: str) -> str:
    lines = checked_lines(read_lines(path, encoding), str(path), keep_ends=True)
    return "".join(line for _, line in lines)


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
    _, _, rest = line.partition("\t")
    meaning, _, covered = rest.partition("\t")
    label, _, places = meaning.partition(" ")
    try:
        parts = [tuple(map(int, part.split(" "))) for part in places.split(";")]
        starts, ends = zip(*parts, strict=True)
    except ValueError:
        raise FieldError(
            f"a label, a blank, start and end (several with ; between them). Got {short(line)}."
        ) from None
    gaps = [text[end:start] for end, start in zip(ends, starts[1:], strict=False)]
    if any(gap.strip() for gap in gaps):
        refuse_gaps(f"{places!r} {label}", rules, where)
        return
    span = char_span(starts[0], ends[-1], label, line, covered or None)
    yield span._replace(where=where)


def _count(line: str, notes: Notes) -> None:
    kind = OTHERS.get(line[:1])
    if kind is None:
        raise FieldError(
            f"an annotation begins with one of T {' '.join(OTHERS)}. Got {short(line)}."
        )
    notes.ignored[kind] += 1


def _read_brat(source: str | Path, how: Reading) -> Iterator[Sentence]:
    return read_brat(Path(source), how.tokenize, how.encoding, how.problems, how.rules)


def _save_brat(sentences: Iterable[Sentence], path: Path, how: Writing) -> None:
    write_brat(sentences, path)
