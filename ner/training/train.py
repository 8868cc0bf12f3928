"""The ways into training: a call from Python, a call from the command line, several seeds."""

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ner.config.loading import Config, load_config, parse_config
from ner.data.formats.read import CorpusSource, file_digest
from ner.data.tokenizer import Tokenizer
from ner.errors import ConfigError, TrainingError
from ner.evaluation.report import Report
from ner.inference.batching import predict
from ner.inference.predictor import Predictor
from ner.model_folder import ModelFolder, load_model
from ner.nn.runtime import TorchRuntime, choose_device, set_threads, to_tensors
from ner.nn.transformer import transformers_of
from ner.training.checkpoint import newest_checkpoint, save_checkpoint
from ner.training.continuing import continue_from
from ner.training.finish import VECTORS, finish
from ner.training.optimizers import Schedule, build_optimizers, use_sparse_tables
from ner.training.prepare import Prepared, check_task, prepare, read_pretrained
from ner.training.progress import Progress, interruptible
from ner.training.result import RunResult
from ner.training.run_folder import RunFolder, next_folder
from ner.training.splits import Corpus, read_corpus
from ner.training.trainer import Epoch, NonFiniteLossError, Trainer
from ner.training.weights import Penalty, shrinkable


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

        def evaluate(_: nn.Module) -> dict[str, float]:
            runtime = TorchRuntime(model, self.device)
            found = predict(runtime, prepared.featurizer, prepared.task, corpus.dev)
            return {prepared.task.metric: prepared.task.score(corpus.dev, found)}

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
            metric=prepared.task.metric,
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
            f"{len(prepared.task.outputs)} tags or classes, {count:,} parameters, "
            f"on {self.device}"
        )


Settings = Mapping[str, Any]


def train(
    config: str | Path | Config | None = None,
    *,
    out: str | Path | None = None,
    train: CorpusSource | None = None,
    dev: CorpusSource | None = None,
    test: CorpusSource | None = None,
    init: str | Path | None = None,
    resume: bool = False,
    progress: bool = True,
    set: Settings | None = None,
    **sections: Any,
) -> tuple[Predictor, Report]:
    """Train a model.

    Args:
        config: A TOML file or a `Config`; defaults where there is none.
        out: Folder of the run; by default `runs/NAME`, numbered if that is taken.
        train: Training data: a file, a folder or name of HF `datasets`, or a list of sentences.
        dev: Development data, which choose the best weights; a tenth of training by default.
        test: Test data, looked at once when all is over.
        init: A model folder to go on from; its vocabularies and types are extended.
        resume: Go on with the run in `out` from its last checkpoint, with the settings that it
            began with where `config` is None.
        progress: Show progress on stderr.
        set: Settings by dotted keys, such as `{"encoder.size": 100}`.
        sections: Settings by section, such as `encoder={"size": 100}` or `seed=2`.

    Returns:
        The model, ready for use, and its report on the test data, or on the development data
        without any.

    Raises:
        NerError: A setting, a file or the run folder is not as it must be.
        KeyboardInterrupt: After Ctrl-C, when the state is saved.
    """
    changes = dict(set or {})
    for name, value in sections.items():
        if isinstance(value, Mapping):
            changes |= {f"{name}.{key}": entry for key, entry in value.items()}
        else:
            changes[name] = value
    given = {"train": train, "dev": dev, "test": test}
    changes |= {f"data.{k}": str(v) for k, v in given.items() if isinstance(v, str | Path)}
    lists = {k: v for k, v in given.items() if v is not None and not isinstance(v, str | Path)}
    result = train_run(
        config,
        out=out,
        set=changes,
        sources=lists,
        init=init,
        resume=resume,
        progress=progress,
    )
    return result.annotator, result.report


def train_run(
    config: str | Path | Config | None = None,
    *,
    out: str | Path | None = None,
    set: Settings | None = None,
    sources: Mapping[str, CorpusSource] | None = None,
    init: str | Path | None = None,
    resume: bool = False,
    progress: bool = True,
) -> RunResult:
    """Train, and give everything that came of it; arguments as for `train`."""
    path = Path(out) if out is not None else next_folder(_name(config), resume=resume)
    kept = path / "config.toml"
    if config is None and resume and kept.is_file():
        config = kept
    settings = _settings(config, set)
    start = start_digest = None
    if init is not None:
        start, start_digest = load_model(Path(init)), file_digest(Path(init))
        settings = continue_from(settings, start, str(init))
    settings = settings.resolved()
    check_task(settings)
    device = choose_device(settings.training.device)
    folder = RunFolder.open(path, resume=resume)
    reporter = Progress(enabled=progress)
    run = Run(settings, folder, reporter, sources or {}, device, start, start_digest)
    return run.run(resume=resume)


def _settings(config: str | Path | Config | None, changes: Settings | None) -> Config:
    if isinstance(config, Config):
        return config.updated(changes or {})
    if config is not None:
        return load_config(config, changes)
    return parse_config({}).updated(changes or {})


def _name(config: str | Path | Config | None) -> str:
    return Path(config).stem if isinstance(config, str | Path) else "model"
