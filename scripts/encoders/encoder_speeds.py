"""How fast networks learn and tag that differ by one part, as `compare_encoders.py` measures it."""

import statistics
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import ner  # before torch, so that its settings for threads hold
from ner.config.loading import Config
from ner.data.sentence import Sentence
from ner.features.counts import count_corpus
from ner.nn.runtime import set_threads
from ner.training.prepare import read_word_vectors
from ner.training.splits import Corpus

# The phases of the benchmark measure encoders too.
sys.path.insert(0, str(Path(__file__).parents[1] / "benchmark"))

# isort: split
import phases
from comparison import LATENCY_50, TRAINING, WARM, Comparison, Measure
from ours import Learner
from tagging_phase import tagging

MEASURES = {"training": TRAINING, "tagging": WARM, "one_sentence": LATENCY_50}


def measure_speeds(
    configs: Mapping[str, Config], rounds: int, seconds: float, say: Callable[[str], None]
) -> dict[str, Any]:
    """Let all networks take turns in training, then in tagging with what they have learnt.

    Args:
        configs: Settings of each; the first is what the others are held against. They have one
            corpus and one file of vectors.
        rounds: How often each has its turn.
        seconds: Of each turn.
        say: Told of progress.

    Returns:
        By name and measure, the median over rounds in tokens/s, or in ms for one sentence, and how
        many times better that is than the first network's in the same round: median and range.
    """
    reference, config = next(iter(configs.items()))
    train, dev = (read(config, split) for split in ("train", "dev"))
    set_threads(config.training.threads)
    comparison = Comparison(reference)
    with tempfile.TemporaryDirectory() as folder:
        corpus = Corpus(train, (), (), count_corpus(train))
        vectors = read_word_vectors(config, corpus, Path(folder) / "vectors", say)
        networks = [Learner(name, None, train, each, vectors) for name, each in configs.items()]
        phases.training(comparison, networks, rounds, seconds, say)
        tagging(comparison, networks, dev, rounds, seconds, Path(folder), say)
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
