"""Repair the form of column files. What they say stays the same."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from ner.choices import Spelling
from ner.data.compressed import created
from ner.data.formats.columns import BLANKS, Layout
from ner.data.lines import MARK, checked_lines, keep_mark, read_lines
from ner.data.schemes import spelled_tags
from ner.data.sentence import Sentence
from ner.data.tools.check_schemes import FoundScheme
from ner.data.tools.corpus_file import CorpusFile
from ner.errors import ConfigError
from ner.files import making

BLANK_SEPARATOR = re.compile(r"([ \t]+)")


@dataclass
class Fixed:
    """A repaired file, and the number of lines that were changed for each reason."""

    source: str
    path: str
    changes: Counter[str] = field(default_factory=Counter)


def fix_files(
    files: Sequence[CorpusFile], schemes: Mapping[str, FoundScheme], out: Path
) -> list[Fixed]:
    """Write repaired copies of column files.

    Repaired is what makes no difference to reading here: blanks at the ends of rows and in the
    lines between sentences, tabs among blanks, ends of lines, byte order marks (also inside
    tokens), other encodings than UTF-8, and tags that are illegal in the scheme of the file, which
    are replaced by legal tags for the same spans. Rows with another number of columns stay as they
    are, and so do the tags of sentences that cannot be read.

    Args:
        files: The files.
        schemes: The scheme of each file, in which its tags are written.
        out: A file if there is one file, a folder if there are several.

    Raises:
        ConfigError: A file has no columns, would be overwritten, or has the name of another file.
    """
    paths = [out] if len(files) == 1 else [out / Path(file.source).name for file in files]
    if len(set(paths)) < len(paths):
        raise ConfigError(f"--fix: the files must have different names. Got {files[0].source}.")
    for file, path in zip(files, paths, strict=True):
        if file.format.name != "conll" or not Path(file.source).is_file():
            raise ConfigError(
                "--fix: each file must be a column file (conll). "
                f"Got {file.source!r} ({file.format.name})."
            )
        if path.is_dir() or path.resolve() == Path(file.source).resolve():
            raise ConfigError(f"--fix: must be a new file for {file.source!r}. Got {str(path)!r}.")
    with making(out) if len(files) > 1 else nullcontext():
        return [
            _fix(file, schemes.get(file.name), path)
            for file, path in zip(files, paths, strict=True)
        ]


def _fix(file: CorpusFile, found: FoundScheme | None, path: Path) -> Fixed:
    fixed = Fixed(file.source, str(path))
    spelling = None if found is None else found.spelling
    with created(path) as content:
        for i, line in enumerate(_fixed_lines(file, spelling, fixed.changes)):
            content.write(f"{line if i else keep_mark(line)}\n".encode())
    return fixed


def _fixed_lines(
    file: CorpusFile, spelling: Spelling | None, changes: Counter[str]
) -> Iterator[str]:
    sentences = {s.source.line: s for s in file.sentences if s.source is not None}
    layout = file.layout()
    sentence: Sentence | None = None
    tags: Sequence[str] | None = None
    start = 0
    lines = read_lines(file.source, file.options.encoding, max_line=file.options.max_line)
    for number, text in checked_lines(lines, file.source, keep_ends=True):
        body = text.removesuffix("\n").removesuffix("\r")
        changes["line ends"] += text.endswith("\r\n")
        line = body.rstrip(BLANKS)
        if not line or layout.is_boundary(line) or number in file.comments:
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
    """Repair a readable row, and write another tag if there is one."""
    # Fields and separators take turns.
    if layout.separator == "\t":
        cells = re.split("(\t)", line)
    else:
        cells = BLANK_SEPARATOR.split(line.lstrip(BLANKS))
        if "\t" in line:
            changes["separators"] += 1
            cells[1::2] = [" "] * len(cells[1::2])
    token, tag_column = 2 * layout.token_column, layout.tag_column
    clean = cells[token].replace(MARK, "")
    # A blank beside the mark would become part of the separator or the end of the row.
    if clean and clean == clean.strip(BLANKS) and clean != cells[token]:
        changes["byte order marks"] += 1
        cells[token] = clean
    if tag is not None and tag_column is not None and cells[2 * tag_column] != tag:
        changes["tags"] += 1
        cells[2 * tag_column] = tag
    return "".join(cells)
