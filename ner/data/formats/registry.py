"""All formats, by name, in the order in which the documentation lists them.

`ner.data.formats.read` reads a corpus and `ner.data.formats.write` writes one; both use this table.
"""

from ner.data.formats import (
    bioc,
    brat,
    conll,
    conll2012,
    conllu,
    csv_tables,
    docbin,
    huggingface,
    jsonl,
    label_studio,
    labelled_lines,
    lighttag,
    pubtator,
    spacy_json,
    webanno,
)
from ner.data.formats.base import Format
from ner.errors import ConfigError, suggestion

FORMATS: dict[str, Format] = {
    entry.name: entry
    for entry in (
        conll.FORMAT,
        conllu.FORMAT,
        conll2012.FORMAT,
        *jsonl.FORMATS,
        lighttag.FORMAT,
        label_studio.FORMAT,
        spacy_json.FORMAT,
        docbin.FORMAT,
        brat.FORMAT,
        webanno.FORMAT,
        pubtator.FORMAT,
        bioc.FORMAT,
        *csv_tables.FORMATS,
        labelled_lines.FORMAT,
        huggingface.FORMAT,
    )
}


def find_format(name: str) -> Format:
    """Find a format by its name.

    Raises:
        ConfigError: No format has this name.
    """
    if name not in FORMATS:
        hint = suggestion(name, FORMATS)
        raise ConfigError(f"format: must be one of {' '.join(FORMATS)}. Got {name!r}.{hint}")
    return FORMATS[name]
