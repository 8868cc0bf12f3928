"""A whole run: read, train, keep checkpoints and curves, write the model, report."""

import json
import time
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from ner.config import Config
from ner.data.corpus import CorpusSource, file_digest
from ner.data.tokenizer import Tokenizer
from ner.decoding import predict
from ner.errors import ConfigError, TrainingError
from ner.evaluation.scoring import scoring
from ner.model_folder import ModelFolder
from ner.nn.loading import set_threads
from ner.nn.model import TorchRuntime, to_tensors
from ner.nn.transformer import transformers_of
from ner.training.checkpoint import newest_checkpoint, save_checkpoint
from ner.training.corpus import Corpus, read_corpus
from ner.training.finishing import VECTORS, finish
from ner.training.interruption import interruptible
from ner.training.optimizers import build_optimizers, use_sparse_tables
from ner.training.penalties import Penalty, shrinkable
from ner.training.progress import Progress
from ner.training.records import RunFolder
from ner.training.result import RunResult
from ner.training.schedules import Schedule
from ner.training.setup import Prepared, prepare, read_pretrained
from ner.training.trainer import Epoch, NonFiniteLossError, Trainer


class Run:
    """One training run in its folder."""

    def __init__(
        self,
        config: Config,
        folder: RunFolder,
        progress: Progress,
        sources: Mapping[str, CorpusSource],
        device: torch.device,
        start: ModelFolder | None,
        start_digest: str | None,
    ) -> None:
        self.config = config
        self.folder = folder
        self.sources = sources
        self.start = start
        self.start_digest = start_digest
        self.progress = progress
        self.device = device
        set_threads(config.training.threads)

    def run(self, *, resume: bool) -> RunResult:
        """Train to the end, from the last checkpoint if asked to."""
        rules = self.config.data.tokenizer
        tokenizer = Tokenizer(rules) if self.start is None else self.start.tokenizer
        try:
            corpus = read_corpus(
                self.config,
                self.sources,
                tokenizer,
                self.progress.note,
                folder=self.folder.path,
                init=self.start_digest,
            )
            prepared = self._prepare(corpus)
            trainer = self._trainer(corpus, prepared)
            inputs = self._inputs(corpus, prepared)
            history = self._resume(trainer, inputs) if resume else []
        except BaseException:
            if not resume:
                self.folder.discard()
            raise
        self.folder.describe(self.config, inputs, self.device)
        self.progress.note(self._summary(corpus, prepared))
        began = time.perf_counter()
        try:
            self._train(trainer, history, inputs)
        except NonFiniteLossError as error:
            names = ", ".join(corpus.name(error.indices.tolist()))
            raise TrainingError(f"{error} Sentences of the step: {names}.") from None
        seconds = time.perf_counter() - began
        self.folder.close()
        return finish(
            self.config,
            self.folder.path,
            corpus,
            prepared,
            trainer,
            tokenizer,
            seconds=seconds,
            notify=self.progress.note,
        )

    def _prepare(self, corpus: Corpus) -> Prepared:
        if self.start is not None:
            return prepare(self.config, corpus, None, None, self.start)
        vectors, store = read_pretrained(
            self.config, corpus, self.folder.path / VECTORS, self.progress.note
        )
        return prepare(self.config, corpus, vectors, store)

    def _trainer(self, corpus: Corpus, prepared: Prepared) -> Trainer:
        training = self.config.training
        model = prepared.model.to(self.device)
        model.autocast = training.precision == "bf16"
        for part in transformers_of(model):
            part.keep_vectors(self.config.transformer.cache << 20)
        counted = scoring(prepared.target)

        def evaluate(_: nn.Module) -> dict[str, float]:
            runtime = TorchRuntime(model, self.device)
            found = predict(runtime, prepared.featurizer, prepared.target, corpus.dev)
            return {counted.metric: counted.score(corpus.dev, found)}

        # Momentum moves every row at every step, so it needs dense gradients.
        rows_wait = training.optimizer == "adamw" or training.momentum == 0
        if self.device.type == "cpu" and rows_wait:
            use_sparse_tables(model)
        optimizers = build_optimizers(
            model,
            name=training.optimizer,
            learning_rate=training.learning_rate,
            embedding_rate=training.embedding_rate,
            weight_decay=training.weight_decay,
            momentum=training.momentum,
            betas=training.betas,
        )
        schedule = Schedule(
            training.schedule,
            warmup=training.warmup,
            decay=training.decay,
            patience=training.plateau_patience,
        )
        return Trainer(
            model,
            prepared.batches(corpus, self.config),
            evaluate,
            optimizers,
            schedule,
            epochs=training.epochs,
            metric=counted.metric,
            clip_norm=training.clip_norm,
            ema=training.ema,
            patience=training.patience,
            penalty=Penalty(list(shrinkable(model).values()), training.l1, training.l2),
            to_tensors=lambda arrays: to_tensors(arrays, self.device),
            device=self.device,
        )

    def _inputs(self, corpus: Corpus, prepared: Prepared) -> dict[str, Any]:
        """Name everything that the run reads, with digests."""
        vectors = self.config.vectors.path
        return {
            "data": dict(corpus.record),
            "vectors": file_digest(vectors) if vectors else None,
            "init": self.start_digest,
            "transformer": prepared.network.get("pretrained", {}).get("digest"),
        }

    def _resume(self, trainer: Trainer, inputs: Mapping[str, Any]) -> list[dict[str, Any]]:
        checkpoint = newest_checkpoint(self.folder.checkpoints)
        if checkpoint is None:
            self.progress.note(f"{self.folder.path}: no checkpoint yet, so it begins anew.")
            return []
        if checkpoint.record["identity"] != self._identity(inputs):
            raise ConfigError(
                f"{self.folder.path}: a resumed run keeps its settings and data. Got others; "
                "without --resume they start a new run."
            )
        checkpoint.restore(trainer)
        self.progress.note(f"Resumed from {checkpoint.path}")
        return checkpoint.record["history"]

    def _identity(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """What must not change between a run and its resumption, as JSON gives it back."""
        settings = self.config.model_dump(mode="json")
        for free in ("checkpoint_minutes", "device"):
            del settings["training"][free]
        return json.loads(json.dumps({"settings": settings, **inputs}))

    def _train(
        self, trainer: Trainer, history: list[dict[str, Any]], inputs: Mapping[str, Any]
    ) -> None:
        self.folder.rewrite_metrics(history, trainer.metric)
        saved = time.monotonic()
        record = {"identity": self._identity(inputs), "history": history}
        with interruptible() as interrupted, self.progress.training(trainer.epochs, len(history)):
            for event in trainer.run():
                due = time.monotonic() - saved > 60 * self.config.training.checkpoint_minutes
                if isinstance(event, Epoch):
                    history.append({"epoch": event.epoch + 1, **event.metrics})
                    self.folder.append_metrics(history[-1])
                    self.progress.epoch(event, trainer.metric, trainer.facts["best"])
                    due = True
                else:
                    self.progress.step(event)
                if due or interrupted.is_set():
                    save_checkpoint(self.folder.checkpoints, trainer, record)
                    saved = time.monotonic()
                if interrupted.is_set():
                    self.progress.note(f"Interrupted; go on with --resume --out {self.folder.path}")
                    raise KeyboardInterrupt

    def _summary(self, corpus: Corpus, prepared: Prepared) -> str:
        count = sum(parameter.numel() for parameter in prepared.model.parameters())
        return (
            f"{corpus.counts.sentences:,} training and {len(corpus.dev):,} development sentences, "
            f"{len(prepared.target.outputs)} tags or classes, {count:,} parameters, "
            f"on {self.device}"
        )
