"""Scores of training sentences by models that have not seen them: of each part by those of others.

The results of finished trainings are kept, see `ner.training.kept_results`.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from ner.config.loading import Config
from ner.crf.forward_backward import Edges
from ner.data.sentence import Sentence
from ner.errors import ConfigError, DataError
from ner.features.arrays import Floats
from ner.inference.second_pass import find_documents
from ner.messages import Notify
from ner.tasks import SpanTask, TokenTask
from ner.training.kept_results import KeptResults, training_key
from ner.training.train import run_training

# What a training on a part of a corpus leaves out: other data, teachers and parts of the part.
OF_PARTS = {
    **dict.fromkeys(("data.train", "data.dev", "data.test"), ""),
    **dict.fromkeys(("training.teacher", "training.raw", "training.weights"), ""),
    **dict.fromkeys(("training.teacher_folds", "training.document_folds"), 0),
    "training.export": False,
}


@dataclass(frozen=True)
class Part:
    """Sentences with the scores of a model that has not seen them.

    Args:
        task: The task of that model.
        edges: Its learnt scores of steps between tags.
        sentences: The sentences.
        scores: The scores of tags of each (T C).
    """

    task: SpanTask | TokenTask
    edges: Edges | None
    sentences: Sequence[Sentence]
    scores: Sequence[Floats]


def document_folds(sentences: Sequence[Sentence], folds: int) -> list[range]:
    """Cut a corpus into parts of adjacent sentences, between documents, of like size.

    Raises:
        ConfigError: There are fewer than two folds.
        DataError: There are fewer documents of several sentences than folds.
    """
    if folds < 2:
        raise ConfigError(f"--folds: must be at least 2. Got {folds}.")
    count = len(find_documents(sentences))
    if count < folds:
        raise DataError(
            f"train: must have at least {folds} documents of several sentences, one for each part. "
            f"Got {count}."
        )
    begins = [
        i
        for i, (before, after) in enumerate(pairwise(sentences), 1)
        if after.document is None or after.document != before.document
    ]
    ideal = (round(k * len(sentences) / folds) for k in range(1, folds))
    cuts = sorted({min(begins, key=lambda i: abs(i - goal)) for goal in ideal})
    return [range(a, b) for a, b in pairwise([0, *cuts, len(sentences)])]


def score_part(
    config: Config,
    kept: KeptResults,
    sentences: Sequence[Sentence],
    held: range,
    task: SpanTask | TokenTask,
    notify: Notify,
) -> Part:
    """Train on all other sentences, and score those of a part.

    Args:
        config: The settings of the training.
        kept: The results of finished trainings.
        sentences: The corpus.
        held: The places of the part.
        task: Has the tags that the model must know, in their order.
        notify: Called with a line for everything that a user should know.

    Raises:
        DataError: The other sentences lack a label.
    """
    splits = {
        "train": [s for i, s in enumerate(sentences) if i not in held],
        "dev": [sentences[i] for i in held],
    }
    notify(f"{len(splits['train']):,} sentences score {len(held):,}.")

    def score(run: Path, resume: bool) -> dict[str, Any]:
        found = run_training(config, out=run, sources=splits, resume=resume, progress=False)
        model = found.predictor
        edges = model.runner.edges
        return {
            "task": model.task.to_dict(),
            "edges": None if edges is None else [np.asarray(each).tolist() for each in edges],
            "scores": _to_text(model.emissions(splits["dev"])),
        }

    facts = kept.get(training_key(config, **splits, weights=None), score)
    own = type(task).from_dict(facts["task"])
    if own.outputs != task.outputs:
        raise DataError(
            "train: each part must hold all labels of the model. Got one without. Try fewer folds."
        )
    edges = None if facts["edges"] is None else Edges(*map(np.array, facts["edges"]))
    return Part(own, edges, splits["dev"], _from_text(facts, splits["dev"], len(own.outputs)))


def _to_text(scores: Sequence[Floats]) -> str:
    return base64.b64encode(np.concatenate(scores).astype("<f4").tobytes()).decode("ascii")


def _from_text(
    facts: Mapping[str, Any], sentences: Sequence[Sentence], num_tags: int
) -> list[Floats]:
    flat = np.frombuffer(base64.b64decode(facts["scores"]), "<f4").astype(np.float32)
    borders = np.cumsum([len(sentence) for sentence in sentences])[:-1]
    return list(np.split(flat.reshape(-1, num_tags), borders))
