"""Every format by name: what it can hold, how it is read and written, and how it is told.

A corpus is read by `ner.data.formats.read` and written by `ner.data.formats.write`; both ask here.
"""

import functools

from ner.data.formats import (
    conllu,
    docbin,
    jsonl,
    label_studio,
    labelled_lines,
    lighttag,
    spacy_json,
)
from ner.data.formats import jsonl as annotators
from ner.data.formats.base import (
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
    _plain,
    _reading_with,
)
from ner.data.formats.brat import _read_brat, _save_brat
from ner.data.formats.conll import _lines_conll, _read_conll
from ner.data.formats.conllu import _lines_conllu, _read_conllu
from ner.data.formats.csv_tables import _lines_long, _lines_wide, _read_delimited
from ner.data.formats.docbin import _read_docbin, _save_docbin
from ner.data.formats.huggingface import _read_hub, _save_hub
from ner.data.formats.jsonl import _read_records
from ner.data.formats.labelled_lines import _read_labels
from ner.errors import ConfigError, suggestion


def find_format(name: str) -> Format:
    """Return the format of a name.

    Raises:
        ConfigError: There is none of that name.
    """
    if name not in FORMATS:
        raise ConfigError(
            f"format: one of {' '.join(FORMATS)}. Got {name!r}.{suggestion(name, FORMATS)}"
        )
    return FORMATS[name]


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
