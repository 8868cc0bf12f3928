"""Every format by name: what it can hold, how it is read and written, and how it is told.

A corpus is read and written through `ner.data.corpus` and `ner.data.writing`, which ask here.
"""

import difflib
import functools
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from ner.data import (
    annotators,
    brat,
    conll,
    conllu,
    conllu_writing,
    delimited,
    delimited_writing,
    docbin,
    hub,
    hub_writing,
    jsonl,
    label_studio,
    labelled_lines,
    lighttag,
    spacy_json,
)
from ner.data.format_types import (
    ALL,
    DOCUMENTS,
    EMPTY,
    IDS,
    LABELS,
    PARTIAL,
    SPACING,
    SPANS,
    TOKENS,
    Format,
    Reading,
    Writing,
)
from ner.data.lines import read_lines
from ner.data.sentence import Sentence
from ner.errors import ConfigError

DEFAULT_TAGS = "ner"


def find_format(name: str) -> Format:
    """Give a format by its name.

    Raises:
        ConfigError: There is none of that name.
    """
    if name not in FORMATS:
        near = difflib.get_close_matches(name, FORMATS, 1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise ConfigError(f"format: one of {' '.join(FORMATS)}. Got {name!r}.{hint}")
    return FORMATS[name]


def _name(source: str | Path) -> str:
    return "stdin" if str(source) == "-" else str(source)


def _read_conll(source: str | Path, how: Reading) -> Iterator[Sentence]:
    lines = read_lines(source, how.encoding)
    tags = None if how.target else how.tags or DEFAULT_TAGS
    if how.tags and how.columns and tags not in (None, *how.columns):
        raise ConfigError(
            f"tags: one of the columns that are named ({' '.join(how.columns)}). Got {tags!r}."
        )
    return conll.read_conll(lines, _name(source), how.columns, tags, how.problems, how.target)


def _read_conllu(source: str | Path, how: Reading) -> Iterator[Sentence]:
    lines = read_lines(source, how.encoding)
    return conllu.read_conllu(lines, _name(source), how.tags, how.problems, how.rules.notes)


def _read_records(source: str | Path, how: Reading, *, whole: bool) -> Iterator[Sentence]:
    lines = read_lines(source, how.encoding)
    return jsonl.read_jsonl(lines, _name(source), how.tokenize, how.problems, how.rules, whole)


def _read_delimited(source: str | Path, how: Reading, *, delimiter: str) -> Iterator[Sentence]:
    lines = read_lines(source, how.encoding)
    tags = None if how.target else how.tags or DEFAULT_TAGS
    return delimited.read_delimited(
        lines, _name(source), how.tokenize, delimiter, how.columns, tags, how.problems, how.rules
    )


def _read_labels(source: str | Path, how: Reading) -> Iterator[Sentence]:
    lines = read_lines(source, how.encoding)
    return labelled_lines.read_labelled_lines(lines, _name(source), how.tokenize, how.problems)


def _reading_with(
    read: Callable[..., Iterator[Sentence]],
) -> Callable[[str | Path, Reading], Iterator[Sentence]]:
    """Adapt a reader of a JSON document."""

    def read_source(source: str | Path, how: Reading) -> Iterator[Sentence]:
        lines = read_lines(source, how.encoding)
        return read(lines, _name(source), how.tokenize, how.problems, how.rules)

    return read_source


def _read_brat(source: str | Path, how: Reading) -> Iterator[Sentence]:
    return brat.read_brat(Path(source), how.tokenize, how.encoding, how.problems, how.rules)


def _read_docbin(source: str | Path, how: Reading) -> Iterator[Sentence]:
    return docbin.read_docbin(Path(source))


def _read_hub(source: str | Path, how: Reading) -> Iterator[Sentence]:
    name: str | Path = source
    split = how.split
    if str(source).startswith("hub:"):
        name, _, part = str(source).removeprefix("hub:").partition(":")
        split = part or split
    chosen = (how.hub_tokens, how.hub_tags)
    return hub.read_hub(name, split, *chosen, how.problems, how.target, how.tokenize)


def _save_brat(sentences: Iterable[Sentence], path: Path, how: Writing) -> None:
    brat.write_brat(sentences, path)


def _save_docbin(sentences: Iterable[Sentence], path: Path, how: Writing) -> None:
    docbin.write_docbin(sentences, path)


def _save_hub(sentences: Iterable[Sentence], path: Path, how: Writing) -> None:
    hub_writing.write_parquet(sentences, path, how.scheme, how.columns, how.tagged)


def _plain(
    write: Callable[[Iterable[Sentence]], Iterator[str]],
) -> Callable[[Iterable[Sentence], Writing], Iterator[str]]:
    return lambda sentences, how: write(sentences)


def _lines_conll(sentences: Iterable[Sentence], how: Writing) -> Iterator[str]:
    return conll.write_conll(sentences, how.scheme, how.columns, how.tagged)


def _lines_conllu(sentences: Iterable[Sentence], how: Writing) -> Iterator[str]:
    return conllu_writing.write_conllu(sentences, how.scheme)


def _lines_long(sentences: Iterable[Sentence], how: Writing, *, delimiter: str) -> Iterator[str]:
    return delimited_writing.write_long(sentences, how.scheme, delimiter, how.columns, how.tagged)


def _lines_wide(sentences: Iterable[Sentence], how: Writing, *, delimiter: str) -> Iterator[str]:
    return delimited_writing.write_wide(sentences, delimiter)


_TEXTS = frozenset({SPANS, LABELS, SPACING, EMPTY})


def _table(name: str, delimiter: str, *, is_long: bool) -> Format:
    separated = "commas" if delimiter == "," else "tabs"
    held = {SPANS, PARTIAL, TOKENS} if is_long else {*_TEXTS, IDS, DOCUMENTS}
    lines = _lines_long if is_long else _lines_wide
    return Format(
        name,
        f"a table with {separated} and a header, a {'token' if is_long else 'text'} a row",
        frozenset(held),
        functools.partial(_read_delimited, delimiter=delimiter),
        functools.partial(lines, delimiter=delimiter),
        columns=None if is_long else frozenset(),
        is_table=is_long,
    )


FORMATS: dict[str, Format] = {
    one.name: one
    for one in (
        Format(
            "conll",
            "columns, a token a line",
            frozenset({SPANS, PARTIAL, TOKENS, DOCUMENTS}),
            _read_conll,
            _lines_conll,
            columns=None,
            is_table=True,
            endings=(
                *(".conll", ".iob", ".bio", ".bioes", ".bmes", ".bilou", ".col"),
                *(".testa", ".testb"),  # as in eng.testa
            ),
        ),
        Format(
            "conllu",
            "CoNLL-U, ten columns with tabs",
            frozenset({SPANS, TOKENS, SPACING, IDS, DOCUMENTS}),
            _read_conllu,
            _lines_conllu,
            columns=frozenset(conllu.COLUMNS),
            endings=(".conllu",),
        ),
        Format(
            "jsonl",
            "JSON lines, also those of doccano and Prodigy",
            ALL,
            functools.partial(_read_records, whole=False),
            _plain(jsonl.write_jsonl),
            columns=None,
            endings=(".jsonl", ".ndjson"),
        ),
        Format(
            "json",
            "a JSON list of what else stands on JSON lines",
            ALL,
            functools.partial(_read_records, whole=True),
            _plain(jsonl.write_json),
            columns=None,
        ),
        Format(
            "doccano",
            "JSON lines for doccano",
            _TEXTS | {IDS},
            functools.partial(_read_records, whole=False),
            _plain(annotators.write_doccano),
        ),
        Format(
            "prodigy",
            "JSON lines for Prodigy",
            _TEXTS | {TOKENS, IDS},
            functools.partial(_read_records, whole=False),
            _plain(annotators.write_prodigy),
        ),
        Format(
            "lighttag",
            "JSON of LightTag",
            _TEXTS | {IDS},
            _reading_with(lighttag.read_lighttag),
            _plain(lighttag.write_lighttag),
        ),
        Format(
            "label-studio",
            "JSON of Label Studio",
            _TEXTS | {IDS, DOCUMENTS},
            _reading_with(label_studio.read_label_studio),
            _plain(label_studio.write_label_studio),
        ),
        Format(
            "spacy-json",
            "spaCy's training tuples in JSON",
            _TEXTS,
            _reading_with(spacy_json.read_spacy_json),
            _plain(spacy_json.write_spacy_json),
        ),
        Format(
            "spacy",
            "spaCy's DocBin",
            _TEXTS | {TOKENS, IDS, DOCUMENTS},
            _read_docbin,
            save=_save_docbin,
            columns=frozenset(docbin.COLUMNS),
            endings=(".spacy",),
        ),
        Format(
            "brat",
            "brat's standoff: a folder, or a pair of .txt and .ann",
            frozenset({SPANS, SPACING, IDS, EMPTY}),
            _read_brat,
            save=_save_brat,
            endings=(".ann",),
        ),
        _table("csv", ",", is_long=False),
        _table("tsv", "\t", is_long=False),
        _table("csv-long", ",", is_long=True),
        _table("tsv-long", "\t", is_long=True),
        Format(
            "labels",
            "a label, a blank, and a text a line",
            frozenset({LABELS, SPACING, EMPTY}),
            _read_labels,
            _plain(labelled_lines.write_labelled_lines),
        ),
        Format(
            "hub",
            "Hugging Face datasets: hub:NAME, a folder, or .parquet",
            frozenset({SPANS, TOKENS, IDS}),
            _read_hub,
            save=_save_hub,
            columns=None,
            is_table=True,
            endings=(".parquet",),
        ),
    )
}
