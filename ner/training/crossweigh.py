"""Weights against mistakes of the training data, found before the training that uses them.

Source: Wang et al., "CrossWeigh: Training Named Entity Tagger from Imperfect Annotations",
EMNLP-IJCNLP 2019, section 4.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ner.config.loading import Config, read_config
from ner.data.formats.read import CorpusSource
from ner.errors import ConfigError
from ner.messages import Notify, tell
from ner.training.document_folds import check_settings
from ner.training.run_folder import run_name
from ner.training.sentence_weights import write_weights
from ner.training.suspect_annotation import find_suspects

WEIGHTS = "weights.jsonl"


def crossweigh(
    config: str | Path | Config | None,
    rounds: int,
    *,
    out: str | Path | None = None,
    set: Mapping[str, Any] | None = None,
    sources: Mapping[str, CorpusSource] | None = None,
    notify: Notify = tell,
) -> Path:
    """Weigh the sentences of a training corpus by whether models of its other parts agree.

    The trainings are short, in whatever way the corpus is trained on afterwards.

    Args:
        config: The settings of the training that uses the weights, as for `ner.train`.
        rounds: The number of cross-validations; in each, a sentence that a model disagrees with
            loses 30 % of its weight.
        out: The folder of the training that uses the weights. What is found is kept beside it, in
            `OUT-crossweigh`.
        set: Settings by dotted keys, which win.
        sources: The split `train`, if it is in memory.
        notify: Called with a line for everything that a user should know.

    Returns:
        The file of weights, for `training.weights`.

    Raises:
        ConfigError: The training has weights already, or finds no spans.
        DataError: The corpus cannot be read, or is too small.
    """
    chosen = read_config(config, set)
    if chosen.training.weights:
        raise ConfigError(
            "--crossweigh: makes training.weights, so there must be none yet. Got "
            f"{chosen.training.weights}."
        )
    # That training has weights.
    has_weights = chosen.updated({"training.weights": WEIGHTS})
    check_settings(has_weights, continues=False, is_built=False)
    run = Path(out) if out is not None else Path("runs", run_name(config))
    folder = run.with_name(f"{run.name}-crossweigh")
    found = find_suspects(
        chosen, folder=folder, rounds=rounds, are_short=True, sources=sources, notify=notify
    )
    path = folder / WEIGHTS
    write_weights(path, found.sentences, found.weights)
    changed = sum(weight < 1 for weight in found.weights)
    notify(f"{path}: written, {changed:,} of {len(found.weights):,} weights are below 1.")
    return path
