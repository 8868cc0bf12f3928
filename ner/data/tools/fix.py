"""Write a column file anew without what is wrong with its form; what it says stays the same."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ner.choices import Spelling
from ner.data.compressed import created
from ner.data.formats.columns import BLANKS, Layout
from ner.data.lines import checked_lines, read_lines
from ner.data.schemes import spelled_tags
from ner.data.sentence import Sentence
from ner.data.tools.check_schemes import FoundScheme
from ner.data.tools.corpus_file import CorpusFile
from ner.errors import ConfigError

BOM = "\ufeff"

SEPARATED = re.compile(r"([ \t]+)")


@dataclass
class Fixed:
    """A file that was written anew, and how many lines were changed for which reason."""

    source: str
    path: str
    changes: Counter[str] = field(default_factory=Counter)


def fix_parts(
    parts: Sequence[CorpusFile], schemes: Mapping[str, FoundScheme], out: Path
) -> list[Fixed]:
    """Write column files anew: what is safe is mended, and everything else stays as it is.

    Safe is what reading here does not see: blanks at the ends of rows and in the lines between
    sentences, tabs among blanks, line ends, byte order marks (also inside of tokens), another
    encoding than UTF-8, and tags that are illegal in the file's scheme: they are spelt so that the
    spans that are read stay the same. Rows with another number of columns stay as they are, and so
    do the tags of sentences that cannot be read.

    Args:
        parts: The files.
        schemes: That of each file, which its tags get.
        out: A file for one part, a folder for several.

    Raises:
        ConfigError: A file has no columns, would be overwritten, or two have one name.
    """
    paths = [out] if len(parts) == 1 else [out / Path(part.source).name for part in parts]
    if len(set(paths)) < len(paths):
        raise ConfigError(f"--fix: files of different names are needed. Got {parts[0].source}.")
    for part, path in zip(parts, paths, strict=True):
        if part.format.name != "conll" or not Path(part.source).is_file():
            raise ConfigError(
                f"--fix: mends files of columns (conll). Got {part.source!r} ({part.format.name})."
            )
        if path.is_dir() or path.resolve() == Path(part.source).resolve():
            raise ConfigError(
                f"--fix: a new file for {part.source!r} is needed. Got {str(path)!r}."
            )
    if len(parts) > 1:
        out.mkdir(parents=True, exist_ok=True)
    return [
        _fix(part, schemes.get(part.name), path) for part, path in zip(parts, paths, strict=True)
    ]


def _fix(part: CorpusFile, found: FoundScheme | None, path: Path) -> Fixed:
    fixed = Fixed(part.source, str(path))
    spelling = None if found is None else found.spelling
    with created(path) as file:
        for i, line in enumerate(_fixed_lines(part, spelling, fixed.changes)):
            # Reading takes a mark off that begins a file; one of a token needs another before it.
            mark = BOM if i == 0 and line.startswith(BOM) else ""
            file.write(f"{mark}{line}\n".encode())
    return fixed


def _fixed_lines(
    part: CorpusFile, spelling: Spelling | None, changes: Counter[str]
) -> Iterator[str]:
    sentences = {s.source.line: s for s in part.sentences if s.source is not None}
    layout = part.layout()
    sentence: Sentence | None = None
    tags: Sequence[str] | None = None
    start = 0
    lines = read_lines(part.source, part.options.encoding)
    for number, text in checked_lines(lines, part.source, keep_ends=True):
        body = text.removesuffix("\n").removesuffix("\r")
        changes["line ends"] += text.endswith("\r\n")
        line = body.rstrip(BLANKS)
        if not line or layout.is_boundary(line):
            changes["blanks"] += line != body
            yield line
            sentence, tags = None, None
            continue
        if not layout.names:
            layout.settle(line)
        if number in sentences:
            sentence, start = sentences[number], number
            tags = None
            if spelling is not None and sentence.spans is not None:
                tags = spelled_tags(sentence.spans, len(sentence), spelling)
        if sentence is None and len(layout.cut(line)) != len(layout.names):
            yield body  # it cannot be read
            continue
        row = _fixed_row(line, layout, None if tags is None else tags[number - start], changes)
        changes["blanks"] += line != body or (layout.separator == " " and line[0] in BLANKS)
        yield row


def _fixed_row(line: str, layout: Layout, tag: str | None, changes: Counter[str]) -> str:
    """Write a row that can be read with another tag and without what is odd about it."""
    if layout.separator == "\t":
        pieces = re.split("(\t)", line)
    else:
        pieces = SEPARATED.split(line.lstrip(BLANKS))
        if "\t" in line:
            changes["separators"] += 1
            pieces[1::2] = [" "] * len(pieces[1::2])
    token, tag_at = 2 * layout.token_column, layout.tag_column
    clean = pieces[token].replace(BOM, "")
    # A blank beside the mark would become part of the separator, or come to the end of the row.
    if clean and clean == clean.strip(BLANKS) and clean != pieces[token]:
        changes["byte order marks"] += 1
        pieces[token] = clean
    if tag is not None and tag_at is not None and pieces[2 * tag_at] != tag:
        changes["tags"] += 1
        pieces[2 * tag_at] = tag
    return "".join(pieces)
