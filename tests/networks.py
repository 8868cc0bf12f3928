"""What tests that go through many kinds of networks have in common."""

from typing import get_args

import numpy as np

from ner.config.loading import Config
from ner.features.vectors import VectorStore


def choices(section, key):
    """List the values that a setting can have, so that a new kind of component is tested too."""
    return get_args(getattr(Config(), section).__class__.model_fields[key].annotation)


def case_name(settings):
    """Name a test by the values of its settings."""
    words = (" ".join(v) or "none" if isinstance(v, tuple) else str(v) for v in settings.values())
    return "-".join(words) or "default"


def write_store(folder, words, width):
    """Store random vectors of some words."""
    random = np.random.default_rng(1)
    VectorStore.write(folder, words, random.normal(size=(len(words), width)))
    return VectorStore.open(folder)
