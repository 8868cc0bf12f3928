"""What the manifest of a model may hold: every key of it, with its type and its range."""

import dataclasses
import re
from collections.abc import Mapping
from typing import Any

from ner.data.formats.options import CHOICES as READING_CHOICES
from ner.data.formats.options import OF_ONE_FILE, ReadOptions
from ner.data.lines import short
from ner.schema import (
    Nullable,
    Rule,
    Schema,
    SchemaError,
    Table,
    flag,
    number,
    one_of,
    strings,
    text,
    whole,
)
from ner.tasks import TASKS
from ner.tasks.base import temperature_rule

# A model with arrays in eight bits has the format 2, every other one the format 1.
FORMAT, FULL_FORMAT = 2, 1

# The sections of a configuration that the network is built from.
NETWORK_SECTIONS = (
    "words",
    "characters",
    "shape",
    "affixes",
    "bigrams",
    "inputs",
    "transformer",
    "embedder",
    "encoder",
    "pooling",
    "head",
)

# Rows of a table at most: a row is a number of 32 bits.
MOST_ROWS = 2**31 - 1
LANGUAGE = re.compile("[a-z]{2,3}")
SHA256 = re.compile("[0-9a-f]{64}")

count = whole(0)
digest = Rule("be a SHA-256", lambda v: type(v) is str and SHA256.fullmatch(v) is not None)

# The settings of a featurizer. Models of older versions lack some.
FEATURES = Table(
    {
        **dict.fromkeys(("lowercase", "shapes", "hard_wrapped"), flag),
        "affix_rows": whole(0, MOST_ROWS),
        "bigram_count": count,
        "subwords": Nullable(
            Table(
                {
                    **dict.fromkeys(("window", "overlap", "context"), whole(0, MOST_ROWS)),
                    **dict.fromkeys(("padding", "unknown"), whole(0, MOST_ROWS)),
                    "pooling": one_of(("mean", "first")),
                },
                required=("window",),
            )
        ),
        "language": Nullable(
            Rule(
                "be an ISO 639 code", lambda v: type(v) is str and LANGUAGE.fullmatch(v) is not None
            )
        ),
    },
    required=("lowercase", "shapes", "affix_rows"),
)

NUMBERS = Rule("be a list of numbers", lambda v: type(v) is list and all(map(number().holds, v)))

# A setting of the network. Which settings there are, and their ranges, is checked where the
# network is built; nothing else reads them.
names = Rule("be a list of strings", lambda v: type(v) is list and set(map(type, v)) <= {str})
SETTINGS = (flag, text, number(), NUMBERS, names)
setting = Rule(
    "be a setting",
    lambda v: v is None or any(rule.holds(v) for rule in SETTINGS),
)
NETWORK_SETTINGS = {
    **dict.fromkeys(NETWORK_SECTIONS, Table(others=setting)),
    "head": Table({"weights": Table(others=number(0))}, others=setting),
}
NETWORK = Table(
    {
        **NETWORK_SETTINGS,
        "pretrained": Table(
            {
                "architecture": Rule("be a table", lambda v: type(v) is dict),
                "digest": digest,
                "licence": text,
            },
            required=("architecture",),
        ),
        "build": text,
    }
)

# How a corpus was read, which other corpora of its format are read alike.
READING = Table(
    {
        field.name: one_of(READING_CHOICES[field.name])
        if field.name in READING_CHOICES
        else Nullable(names if field.name == "columns" else text)
        for field in dataclasses.fields(ReadOptions)
        if field.name not in OF_ONE_FILE
    }
)
SPLIT = Table(
    {
        **dict.fromkeys(("sentences", "tokens", "entities", "skipped", "changed"), count),
        "texts_cut_into_tokens": count,
        "source": text,
        "sample": text,
        "sha256": Nullable(digest),
        "reading": READING,
    }
)

# The entries of vocabularies, by the names of their files.
VOCABULARY_RULES: dict[str, Schema] = {
    "words": strings(),
    "characters": Nullable(strings(" of one character", lambda entry: len(entry) == 1)),
    "columns": Table(others=strings()),
    "bigrams": strings(),
    "subwords": Rule("be the JSON of a tokenizer", lambda v: type(v) is dict),
}

# The configuration that a model was trained with: sections of settings.
CONFIG = Table(
    {
        "task": one_of(TASKS),
        "seed": count,
        **dict.fromkeys(
            ("data", "vectors", "augmentation", "auxiliary", "training"), Table(others=setting)
        ),
        **NETWORK_SETTINGS,
    }
)

# What document evidence is worth on training documents that no model involved has seen.
DOCUMENT_WORTH = Table(
    {"folds": whole(2), "documents": count, **dict.fromkeys(("before", "after"), number(0, 1))}
)

# What the temperature of a model was fitted on, and its effect.
CALIBRATION = Table(
    {
        **dict.fromkeys(("sentences", "bins"), count),
        "temperature": temperature_rule,
        **dict.fromkeys(("ece_before", "ece_after"), number(0, 1)),
        **dict.fromkeys(("loss_before", "loss_after"), number(0)),
    }
)

METRICS = Table(others=Table(others=number()))

MODEL = Table(
    {
        "format": whole(FULL_FORMAT, FORMAT),
        "compact": flag,
        "licence": text,
        "task": one_of(TASKS),
        "features": FEATURES,
        "network": NETWORK,
        "files": Table(others=digest),
        "versions": Table(others=text),
        "seed": count,
        "data": Table(dict.fromkeys(("train", "dev", "test"), SPLIT)),
        "tokenizer": Table({"rules": text, "agreement": number(0, 1)}),
        "metrics": METRICS,
        "calibration": CALIBRATION,
        "documents": DOCUMENT_WORTH,
        "best_epoch": whole(1),
        "renamed": Table(others=text),
    },
    required=("format", "task", "features", "network", "files"),
)

# The manifest of an ensemble: what each member is, and what all share.
MEMBER = Table(
    {"digest": digest, "bytes": count, "weights": count, "metrics": METRICS, "seed": count},
    required=("digest",),
)
ENSEMBLE = Table(
    {
        "members": Table(others=MEMBER),
        **{
            name: MODEL.rules[name]
            for name in ("format", "task", "files", "data", "tokenizer", "calibration")
        },
        "licence": text,
    },
    required=("format", "task", "members", "files"),
)


def check_manifest(manifest: Mapping[str, Any], where: str) -> None:
    """Refuse a manifest of anything but one model.

    Raises:
        SchemaError: It holds something else, or describes an ensemble.
    """
    kind = manifest.get("task")
    if isinstance(kind, str) and kind not in TASKS:
        raise SchemaError(f"{where}task must be one of {', '.join(TASKS)}. Got {short(kind)}.")
    if "members" in manifest:
        raise SchemaError("must be one model. Got an ensemble: name one in its folder members/.")
    MODEL.check(manifest, where)


def check_vocabularies(vocabularies: Mapping[str, Any]) -> None:
    """Refuse vocabularies of something else than distinct strings.

    Raises:
        SchemaError: There is one; the message names its file.
    """
    for name, entries in vocabularies.items():
        VOCABULARY_RULES[name].check(entries, f"vocabulary/{name}.json")
