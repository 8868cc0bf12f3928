"""The speeds of networks that differ in one component, in training and tagging."""

import statistics
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import ner  # before torch, so that its settings for threads hold
from ner.config.loading import Config
from ner.data.sentence import Sentence
from ner.features.counts import count_corpus
from ner.nn.runtime import set_threads
from ner.training.prepare import read_word_vectors
from ner.training.splits import Corpus

# isort: split
import phases
from comparison import LATENCY_50, TRAINING, WARM, Comparison, Measure
from contenders import say
from ours import Learner
from tagging_phase import tagging

MEASURES = {"training": TRAINING, "tagging": WARM, "one_sentence": LATENCY_50}


def measure_speeds(configs: Mapping[str, Config], rounds: int, seconds: float) -> dict[str, Any]:
    """Measure training and tagging, with all networks taking turns.

    Args:
        configs: Settings of each network. The others are compared with the first one. All have the
            same corpus and the same file of vectors.
        rounds: How often each network has a turn.
        seconds: Seconds of each turn.

    Returns:
        By name and measure, the median over rounds in tokens/s, or in ms for one sentence; and how
        many times better it is than that of the first network in the same round, as median and
        range.
    """
    reference, config = next(iter(configs.items()))
    train, dev = (read(config, split) for split in ("train", "dev"))
    set_threads(config.training.threads)
    comparison = Comparison(reference)
    with tempfile.TemporaryDirectory() as folder:
        corpus = Corpus(train, (), (), count_corpus(train))
        vectors = read_word_vectors(config, corpus, Path(folder) / "vectors", say)
        networks = [Learner(name, None, train, each, vectors) for name, each in configs.items()]
        phases.training(comparison, networks, rounds, seconds)
        tagging(comparison, networks, dev, rounds, seconds, Path(folder))
    return {
        name: {key: _figures(comparison, measure, name) for key, measure in MEASURES.items()}
        for name in configs
    }


def read(config: Config, split: str) -> Sequence[Sentence]:
    """Read the sentences of a split."""
    data = config.data
    path, columns = getattr(data, split), data.columns or None
    return ner.read_sentences(path, split=split, columns=columns, tags=data.tags)


def _figures(comparison: Comparison, measure: Measure, name: str) -> dict[str, float]:
    series = comparison.series[measure, None, name]
    ratios = comparison.ratios(series) or [1.0]
    times = {"times": statistics.median(ratios), "low": min(ratios), "high": max(ratios)}
    return {"median": statistics.median(series.values), **times}
