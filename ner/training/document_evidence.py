"""Teach a tagger to use evidence from the document, see `ner.features.document_evidence`.

Evidence in training must be as good as in use, so the posteriors of each part of the training data
come from a model of the other parts. Parts hold whole documents.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import nn

from ner.config.loading import Config, read_config
from ner.crf.forward_backward import Edges
from ner.data.formats.read import CorpusSource
from ner.data.sentence import Sentence
from ner.errors import ConfigError
from ner.features.arrays import Floats
from ner.features.document_evidence import DocumentNetwork
from ner.inference.batching import decode_scores
from ner.inference.second_pass import SecondPass, evidence_of, find_documents
from ner.installed import model_folder, new_folder
from ner.messages import Notify, tell
from ner.model_folder import copy_with_labels, load_model
from ner.nn.crf import CRF
from ner.tasks import SpanTask, TokenTask
from ner.training.kept_results import KeptResults
from ner.training.part_scores import OF_PARTS, Part, document_folds, score_part
from ner.training.splits import training_reader
from ner.training.train import Settings

# Chosen on the development data of CoNLL-2003, see "Document evidence" in docs/benchmarks.md.
NETWORKS, HIDDEN, DROPOUT, EPOCHS, BATCH_SIZE = 3, 64, 0.3, 8, 32
LEARNING_RATE, WEIGHT_DECAY, WARMUP = 3e-3, 1e-3, 0.2
# Where documents are few, they are used more often.
FEWEST_STEPS = 500

# Parts are trained for this share of the epochs of the model, but for so many at least, if it has
# as many. Measured with 10 of 25, see "Document evidence" in docs/benchmarks.md.
SHARE_OF_EPOCHS, FEWEST_EPOCHS = 0.4, 10

# How far below the model the models of parts may score before users are told, from 0 to 1.
FAR_BELOW = 0.1

# Added to the standard deviation of inputs, so that rare ones do not become huge.
LEAST_SCALE = 0.1


@dataclass(frozen=True)
class Worth:
    """What document evidence is worth on training documents that no model involved has seen.

    Args:
        folds: Number of parts.
        documents: Number of documents with several sentences.
        before: The score without evidence, from 0 to 1.
        after: The score with evidence that was learned on the other parts.
    """

    folds: int
    documents: int
    before: float
    after: float

    def __str__(self) -> str:
        return (
            f"{self.documents:,} documents in {self.folds} parts, each tagged by models of the "
            f"others: {100 * self.before:.2f} without document evidence, "
            f"{100 * self.after:.2f} with it"
        )

    def warning(self, model_score: float | None) -> str | None:
        """Word a warning if the models of parts are much worse than the model; None if not.

        Args:
            model_score: The score of the model on its development data, from 0 to 1, if known.
        """
        if model_score is None or model_score - self.before <= FAR_BELOW:
            return None
        return (
            f"Warning: the models of parts score {100 * self.before:.2f}, and the model has "
            f"{100 * model_score:.2f} on its development data. Evidence that is learned from much "
            "weaker models can do harm: compare both with ner compare."
        )

    def to_dict(self) -> dict[str, Any]:
        """Return everything, as JSON can hold it."""
        return dict(vars(self))


def learn_documents(
    model: str | Path,
    train: CorpusSource,
    out: str | Path,
    *,
    folder: str | Path,
    folds: int = 3,
    set: Settings | None = None,
    notify: Notify = tell,
) -> Worth:
    """Write a copy of a tagger that uses evidence from the document.

    Args:
        model: The model folder, which stays as it is.
        train: Its training data, in which sentences know their documents.
        out: A new or empty folder for the copy.
        folder: Keeps the results of finished trainings; the same call goes on from there.
        folds: Number of parts of the training data.
        set: Settings of the trainings by dotted keys; others are those of the model, but for fewer
            epochs, see `shortened`.
        notify: Called with a line for everything that a user should know.

    Raises:
        ConfigError: A setting is wrong, `out` holds something, or the model is no tagger.
        DataError: The data cannot be read, or have too few documents.
        ModelFolderError: The model cannot be read.
    """
    source, target = model_folder(model), new_folder(out)
    stored = load_model(source)
    task = cast("SpanTask | TokenTask", stored.task)
    if not task.is_per_token:
        raise ConfigError(f"{model}: must be a tagger. Got one that {stored.task.does}.")
    given = dict(set or {})
    sources: dict[str, CorpusSource] = {}
    if isinstance(train, str | Path):
        given["data.train"] = str(train)
    else:
        sources["train"] = train
    config = read_config(source / "config.toml", given)
    if "training.epochs" not in given:
        config = shortened(config)
    sentences = list(training_reader(config, sources, notify))
    network, worth = learn_evidence(config, sentences, task, Path(folder), folds, notify)
    network = network.at(task.temperature)
    warning = worth.warning(stored.record.get("metrics", {}).get("dev", {}).get(task.metric))
    if warning is not None:
        notify(warning)
    record = {**stored.record, "documents": worth.to_dict()}
    learned = replace(stored, documents=network, record=record)
    copy_with_labels(source, learned, target)
    return worth


def shortened(config: Config) -> Config:
    """Return the settings with as many epochs as models of parts need, of those of the model."""
    epochs = int(config.training.epochs)
    enough = max(FEWEST_EPOCHS, round(SHARE_OF_EPOCHS * epochs))
    return config.updated({"training.epochs": min(epochs, enough)})


def learn_evidence(
    config: Config,
    sentences: Sequence[Sentence],
    task: SpanTask | TokenTask,
    folder: Path,
    folds: int,
    notify: Notify,
) -> tuple[DocumentNetwork, Worth]:
    """Learn from models of parts of a corpus to correct the scores of a model of all of it.

    The models of parts are less sure than a model of everything, which has seen more and may train
    for longer. So the network learns from calibrated scores, and needs the temperature of the model
    that it corrects, see `DocumentNetwork.at`.

    Args:
        config: The settings of the model. The trainings of parts have no teacher.
        sentences: The training sentences, which know their documents.
        task: Has the tags of the model, in their order.
        folder: Keeps the results of finished trainings; the same call goes on from there.
        folds: Number of parts.
        notify: Called with a line for everything that a user should know.

    Raises:
        DataError: The sentences have too few documents.
    """
    config = config.updated(OF_PARTS)
    with KeptResults.open(folder) as kept:
        parts = [
            score_part(config, kept, sentences, held, task, notify).calibrated()
            for held in document_folds(sentences, folds)
        ]
    worth = _measure(parts)
    notify(f"{worth}.")
    return fit_network(parts, seed=config.seed), worth


def fit_network(parts: Sequence[Part], *, seed: int, epochs: int = EPOCHS) -> DocumentNetwork:
    """Fit corrections of scores, so that the gold tags of whole sentences are most probable.

    They are the mean of those of `NETWORKS` networks.

    Args:
        parts: Annotated sentences, with scores of models that have not seen them.
        seed: Random seed.
        epochs: How often the sentences are used; more often where they make few steps.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        fit = _Fit(parts, seed)
        return DocumentNetwork.mean_of([fit.run(epochs) for _ in range(NETWORKS)])


class _Fit:
    """Fits networks on the sentences of documents."""

    def __init__(self, parts: Sequence[Part], seed: int) -> None:
        self.random = np.random.default_rng(seed)
        self.batches: list[tuple[CRF, list[tuple[torch.Tensor, ...]]]] = []
        inputs: list[Floats] = []
        for part in parts:
            documents = find_documents(part.sentences)
            if not documents:
                continue
            found = evidence_of(part.task, part.edges, part.sentences, part.scores, documents)
            inputs.append(found.inputs[found.is_known])
            self._add(part, [i for document in documents for i in document], found)
        known = np.concatenate(inputs)
        self.mean = known.mean(axis=0)
        self.scale = known.std(axis=0) + np.float32(LEAST_SCALE)
        self.num_tags = len(parts[0].task.outputs)

    def _add(self, part: Part, places: Sequence[int], found: Any) -> None:
        """Make batches of sentences of similar lengths."""
        lengths = [len(part.sentences[i]) for i in places]
        borders = np.cumsum(lengths)[:-1]
        columns = (
            np.split(found.inputs, borders),
            np.split(found.is_known, borders),
            [part.scores[i] for i in places],
            np.split(part.task.gold([part.sentences[i] for i in places])["tags"], borders),
        )
        order = np.argsort(lengths, kind="stable").tolist()
        batches = [order[k : k + BATCH_SIZE] for k in range(0, len(order), BATCH_SIZE)]
        self.batches.append(
            (
                _crf_of(part),
                [
                    tuple(
                        nn.utils.rnn.pad_sequence(
                            [torch.from_numpy(column[i]) for i in batch], batch_first=True
                        )
                        for column in (*columns, [np.ones(n, dtype=np.bool_) for n in lengths])
                    )
                    for batch in batches
                ],
            )
        )

    def run(self, epochs: int) -> DocumentNetwork:
        """Train a network, and return it."""
        first, last = nn.Linear(len(self.mean), HIDDEN), nn.Linear(HIDDEN, self.num_tags)
        net = nn.Sequential(first, nn.ReLU(), nn.Dropout(DROPOUT), last)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        every = [(crf, batch) for crf, batches in self.batches for batch in batches]
        epochs = max(epochs, -(-FEWEST_STEPS // len(every)))
        optimizer = torch.optim.AdamW(net.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, LEARNING_RATE, total_steps=epochs * len(every), pct_start=WARMUP
        )
        mean, scale = torch.from_numpy(self.mean), torch.from_numpy(self.scale)
        for _ in range(epochs):
            for k in self.random.permutation(len(every)).tolist():
                crf, (inputs, is_known, scores, tags, mask) = every[k]
                corrections = net((inputs - mean) / scale) * is_known[:, :, None]
                optimizer.zero_grad()
                crf.loss(scores + corrections, tags, mask).backward()
                nn.utils.clip_grad_norm_(net.parameters(), 1.0)
                optimizer.step()
                schedule.step()
        weights = (first.weight, first.bias, last.weight, last.bias)
        return DocumentNetwork(self.mean, self.scale, *(w.detach().numpy().copy() for w in weights))


def _crf_of(part: Part) -> CRF:
    """Return a layer with the learnt scores of a model, which are not trained."""
    tags = part.task.outputs
    scheme = part.task.head_options.get("scheme")
    crf = CRF(len(tags), True, tags=tags if scheme else None, scheme=scheme)
    edges = part.edges or Edges(*map(np.zeros, (len(tags), (len(tags),) * 2, len(tags))))
    parameters = (crf.start_transitions, crf.transitions, crf.end_transitions)
    with torch.no_grad():
        for parameter, scores in zip(parameters, edges, strict=True):
            parameter.requires_grad_(False).copy_(torch.from_numpy(np.asarray(scores)))
    return crf


def _measure(parts: Sequence[Part]) -> Worth:
    """Score each part by a network that was fitted on the others."""
    gold: list[Sentence] = []
    before: list[Sentence] = []
    after: list[Sentence] = []
    for k, part in enumerate(parts):
        others = [other for i, other in enumerate(parts) if i != k]
        second = SecondPass(part.task, part.edges, fit_network(others, seed=k))
        gold += part.sentences
        before += _decoded(part, part.scores)
        after += _decoded(part, second(part.sentences, part.scores))
    task = parts[0].task
    documents = sum(len(find_documents(part.sentences)) for part in parts)
    return Worth(len(parts), documents, task.score(gold, before), task.score(gold, after))


def _decoded(part: Part, scores: Sequence[Floats]) -> list[Sentence]:
    found = decode_scores(scores, part.task.decode(part.edges), part.task.empty)
    return [s.predicted(p) for s, p in zip(part.sentences, found, strict=True)]
