"""What tests that go through many kinds of networks have in common."""

import itertools
from typing import get_args

import numpy as np

from ner.config.loading import Config
from ner.features.vectors import VectorStore


def choices(section, key):
    """List the values that a setting can have, so that a new kind of component is tested too."""
    return get_args(getattr(Config(), section).__class__.model_fields[key].annotation)


def networks(encoders):
    """List settings: all kinds of characters with all heads, and one of these with each encoder."""
    kinds = itertools.product(choices("characters", "kind"), choices("head", "kind"))
    settings = [{"characters.kind": characters, "head.kind": head} for characters, head in kinds]
    for encoder in encoders:
        own = {f"encoder.{name}": value for name, value in encoder.items()}
        settings.append({"characters.kind": "cnn", "head.kind": "crf"} | own)
    return settings


def feature_sets(everything, *changes):
    """List sets of features: without each one, with some changes, and at last without any."""
    none = {"shapes": False, "affix_rows": 0, "columns": (), "bigram_count": 0, "vectors": False}
    single = [{name: value} for name, value in none.items()]
    return [everything | changed for changed in (*single, *changes, none)]


def case_name(settings):
    """Name a test by the values of its settings."""
    words = (" ".join(v) or "none" if isinstance(v, tuple) else str(v) for v in settings.values())
    return "-".join(words) or "default"


def write_store(folder, words, width):
    """Store random vectors of some words."""
    random = np.random.default_rng(1)
    VectorStore.write(folder, words, random.normal(size=(len(words), width)))
    return VectorStore.open(folder)
