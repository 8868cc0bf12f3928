"""A whole run on one page: read, prepare, train, finish."""

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from ner.config.loading import Config, read_config
from ner.data.formats.read import CorpusSource, file_digest
from ner.data.sentence import PredictedSentence, Sentence
from ner.errors import TrainingError
from ner.evaluation.report import Report
from ner.features.batch_order import CHUNK
from ner.features.batches import TrainingBatches
from ner.files import sha256
from ner.inference.batching import predict
from ner.inference.predictor import Predictor
from ner.installed import model_folder
from ner.messages import Notify, is_handled, shown, tell
from ner.model_folder import load_model
from ner.nn.building import Build
from ner.nn.runtime import TorchRuntime, check_network, set_threads
from ner.training import document_folds
from ner.training.checkpoint import restore_newest, run_and_save
from ner.training.finish import finish, finish_together
from ner.training.identity import identify, may_change
from ner.training.launch import read_launch, refuse_several
from ner.training.optimizers import Schedule, build_optimizers, use_sparse_tables
from ner.training.prepare import Prepared, check_takes, make_batches, prepare, read_word_vectors
from ner.training.progress import Progress
from ner.training.ranks import ALONE, Ranks, joined
from ner.training.result import RunResult
from ner.training.run_folder import (
    CONFIG,
    VECTORS,
    RunFolder,
    is_taken,
    last_folder,
    open_folder,
    run_name,
)
from ner.training.sentence_weights import WeightSource, read_weights
from ner.training.settings import check_task, continue_from, fit_to_corpus
from ner.training.splits import Corpus, read_corpus, warn_of_labels
from ner.training.teaching import add_raw, find_teacher, teach
from ner.training.trainer import Epoch, NonFiniteLossError, Step, Trainer
from ner.training.weights import Penalty, shrinkable

Settings = Mapping[str, Any]

# Called with each event of a run; returns False to stop it.
Callback = Callable[[Step | Epoch], object]


def train(
    config: str | Path | Config | None = None,
    *,
    out: str | Path | None = None,
    train: CorpusSource | None = None,
    dev: CorpusSource | None = None,
    test: CorpusSource | None = None,
    weights: WeightSource | None = None,
    init: str | Path | None = None,
    resume: bool = False,
    progress: bool = True,
    callbacks: Iterable[Callback] = (),
    build: Build | None = None,
    set: Settings | None = None,
    **sections: Any,
) -> tuple[Predictor, Report]:
    """Train a model.

    Args:
        config: A TOML file, the name of a configuration that comes with the package, such as
            "conll2003", or a `Config`; the defaults if there is none.
        out: Folder of the run; by default `runs/NAME`, with a number if that is taken.
        train: Training data: a file, a folder, a name such as `hub:conll2003` or `sample:train`, or
            data in memory: a list or generator of `Sentence` or of pairs `(tokens, tags)`, a data
            set of Hugging Face or a DataFrame. See `ner.read_sentences`.
        dev: Development data, which choose the best weights; by default a tenth of the training
            data.
        test: Test data, which are scored once, at the end.
        weights: Factor on the loss of each training sentence, at least 0: a list of numbers, or a
            file as `training.weights` names it.
        init: A model to train further, see `ner.load`; new words and labels are added to its
            vocabularies.
        resume: Continue the run in `out` from its last checkpoint. Without `config`, it keeps its
            settings.
        progress: Show progress: what is logged, through the handlers that the program has chosen
            for `logging`, or else on stderr; and a bar on a terminal.
        callbacks: Functions that are called with each `Step` and each `Epoch`. If one returns
            False, training stops: the model is evaluated as it is, the best weights are kept, and
            the model and the report are written. `resume` continues such a run where it stopped.
            An error in a callback ends the run, after a checkpoint.
        build: A function that receives the network of the settings, untrained, as a `ner.nn.Model`
            and returns a `ner.nn.Model` with components of your own. `ner.load` needs the same
            function, unless the model was exported to ONNX.
        set: Settings by dotted keys, such as `{"encoder.size": 100}`.
        sections: Settings by section, such as `encoder={"size": 100}`, or `seed=2`.

    Returns:
        The model, ready for use, and its report on the test data, or on the development data if
        there are none.

    Raises:
        NerError: A setting, a file or the folder of the run is wrong.
        KeyboardInterrupt: After Ctrl-C, when a checkpoint is written.
        SystemExit: After SIGTERM or SIGHUP, likewise.
    """
    changes = dict(set or {})
    for name, value in sections.items():
        if isinstance(value, Mapping):
            changes |= {f"{name}.{key}": setting for key, setting in value.items()}
        else:
            changes[name] = value
    if isinstance(weights, str | Path):
        changes["training.weights"] = str(weights)
        weights = None
    sources = {"train": train, "dev": dev, "test": test}
    changes |= {f"data.{k}": str(v) for k, v in sources.items() if isinstance(v, str | Path)}
    lists = {k: v for k, v in sources.items() if v is not None and not isinstance(v, str | Path)}
    with shown(on_stderr=not is_handled()) if progress else nullcontext():
        result = run_training(
            config,
            out=out,
            set=changes,
            sources=lists,
            weights=weights,
            init=init,
            resume=resume,
            progress=progress,
            callbacks=callbacks,
            build=build,
        )
    return result.predictor, result.report


def run_training(
    config: str | Path | Config | None = None,
    *,
    out: str | Path | None = None,
    set: Settings | None = None,
    sources: Mapping[str, CorpusSource] | None = None,
    weights: Sequence[float] | None = None,
    init: str | Path | None = None,
    resume: bool = False,
    progress: bool = True,
    callbacks: Iterable[Callback] = (),
    build: Build | None = None,
) -> RunResult:
    """Train a model, and return it with all reports.

    The arguments are those of `train`. `sources` holds the splits that are in memory, by name, and
    `weights` those of sentences that are in memory.
    """
    with joined() as ranks:
        resume = resume or goes_on(ranks, out)
        name = run_name(config)
        if config is None and resume and (last_folder(out, name) / CONFIG).is_file():
            config = last_folder(out, name) / CONFIG
        config = read_config(config, set)
        start = start_digest = None
        if init is not None:
            init = model_folder(init)
            start, start_digest = load_model(init, build), file_digest(init)
            check_network(start, str(init))
            config = continue_from(config, start, str(init))
        config = config.resolved()
        check_task(config)
        document_folds.check_settings(
            config, continues=init is not None, is_built=build is not None
        )
        weighed = weights if weights is not None else config.training.weights
        sentence_weights = None if weighed == "" else read_weights(weighed)
        device = ranks.device(config.training.device)
        set_threads(config.training.threads)
        progress_bar = Progress(progress)
        teacher = find_teacher(config)
        if teacher is not None:
            refuse_several("training.teacher")
        with open_folder(out, name, resume=resume, ranks=ranks) as folder:
            with folder.taken_back_on_failure():
                with ranks.in_turn():
                    # Read.
                    corpus = read_corpus(
                        config,
                        sources or {},
                        tell,
                        tokenizer=start.tokenizer if start else None,
                        folder=folder.path,
                        writes=ranks.is_first,
                        init=start_digest,
                        weights=sentence_weights,
                    )
                    document_folds.check_corpus(config, corpus)
                    if teacher is not None:
                        corpus = add_raw(config, corpus, tell)
                    # Prepare.
                    config = fit_to_corpus(config, corpus.counts, tell)
                    vectors = None
                    if start is None:
                        vectors = read_word_vectors(
                            config, corpus, folder.path / VECTORS, tell, writes=ranks.is_first
                        )
                    weighted = sentence_weights is not None
                    prepared = prepare(
                        config, corpus.counts, vectors, start, build, weighted=weighted
                    )
                    warn_of_labels(corpus, prepared.task, start.task if start else None, tell)
                    targets = None
                    if teacher is not None:
                        check_takes(prepared.model, "teacher", "training.teacher")
                        targets = teach(teacher, config, corpus, prepared.task, folder.path, tell)
                    batches = make_batches(config, corpus, prepared, targets, ranks.number)
                    inputs = describe_inputs(config, corpus, prepared, start_digest)
                    if sentence_weights is not None:
                        inputs["weights"] = sentence_weights.digest
                    if teacher is not None:
                        inputs["teacher"] = teacher.facts
                identity = identify(config, inputs, ranks.count)
                ranks.check_same(partial(describe_start, identity, prepared.model, batches))
                ranks.copy_from_first(prepared.model.to(device))
                trainer = build_trainer(config, prepared, batches, corpus.dev, device, ranks)
                record = {"identity": identity, "history": []}
                if resume:
                    with ranks.in_turn():
                        record = restore(trainer, folder, record, tell)
                folder.describe(config, inputs, device, ranks.count)
            tell(summarize(corpus, prepared, device, ranks))

            # Train.
            minutes = config.training.checkpoint_minutes
            began = time.perf_counter()
            try:
                train_epochs(trainer, folder, record, minutes, tuple(callbacks), progress_bar)
            except NonFiniteLossError as error:
                names = ", ".join(corpus.places(error.indices.tolist()))
                raise TrainingError(f"{error} Sentences of the step: {names}.") from None
            seconds = time.perf_counter() - began
            documents = document_folds.learn(config, corpus, prepared.task, folder.path, tell)

            write = partial(finish, config, folder.path, corpus, prepared, trainer)
            end = partial(write, documents=documents, seconds=seconds, notify=tell)
            return finish_together(ranks, end, device, build)


def goes_on(ranks: Ranks, out: str | Path | None) -> bool:
    """Whether a launcher has started the processes again, after the run in `out` had begun."""
    # Where machines join again, a launcher counts a restart on some of them alone.
    is_restart = bool(ranks.greatest(read_launch().is_restart))
    return out is not None and is_restart and ranks.of_first(lambda: is_taken(Path(out)))


def build_trainer(
    config: Config,
    prepared: Prepared,
    batches: TrainingBatches,
    dev: Sequence[Sentence],
    device: torch.device,
    ranks: Ranks = ALONE,
) -> Trainer:
    """Build the trainer of the prepared network, which is scored on the development sentences."""
    training = config.training
    model, task, featurizer = prepared.model.to(device), prepared.task, prepared.featurizer
    model.autocast = training.precision == "bf16"

    def find(sentences: Sequence[Sentence]) -> Sequence[PredictedSentence]:
        return predict(TorchRuntime(model, device), featurizer, task, sentences)

    def evaluate(_: nn.Module) -> dict[str, float]:
        if featurizer.subwords is not None and featurizer.subwords.context:
            # A sentence is read with its neighbours.
            return {task.metric: ranks.of_first(lambda: task.score(dev, find(dev)))}
        found = ranks.put_together(find(ranks.own(dev)))
        return {task.metric: ranks.of_first(lambda: task.score(dev, found))}

    # Momentum moves every row at every step, so it needs dense gradients.
    rows_can_wait = training.optimizer == "adamw" or training.momentum == 0
    if device.type == "cpu" and rows_can_wait:
        use_sparse_tables(model)
    optimizers = build_optimizers(
        model,
        name=training.optimizer,
        learning_rate=training.learning_rate,
        embedding_rate=training.embedding_rate,
        weight_decay=training.weight_decay,
        momentum=training.momentum,
        betas=training.betas,
        ranks=ranks,
    )
    schedule = Schedule(
        training.schedule,
        warmup=training.warmup,
        decay=training.decay,
        patience=training.plateau_patience,
    )
    return Trainer(
        model,
        batches,
        evaluate,
        optimizers,
        schedule,
        epochs=int(training.epochs),
        metric=task.metric,
        clip_norm=training.clip_norm,
        ema=training.ema,
        patience=training.patience,
        penalty=Penalty(list(shrinkable(model).values()), training.l1, training.l2),
        ranks=ranks,
        seed=config.seed,
    )


def describe_inputs(
    config: Config, corpus: Corpus, prepared: Prepared, start_digest: str | None
) -> dict[str, Any]:
    """Name everything that the run reads, with digests."""
    vectors = config.vectors.path
    return {
        "data": dict(corpus.record),
        "vectors": file_digest(vectors) if vectors else None,
        "init": start_digest,
        "transformer": prepared.network.get("pretrained", {}).get("digest"),
        "build": prepared.network.get("build"),
    }


def describe_start(
    identity: Mapping[str, Any], model: nn.Module, batches: TrainingBatches
) -> dict[str, Any]:
    """Name what must be the same on all ranks before the first step, with digests."""
    shapes = {name: list(tensor.shape) for name, tensor in model.state_dict().items()}
    lengths = batches.encoded.lengths
    chunks = (lengths[i : i + CHUNK].tobytes() for i in range(0, len(lengths), CHUNK))
    return {
        **identity,
        "network": sha256([json.dumps(shapes).encode()]),
        "encoded sentences": sha256(chunks),
    }


def restore(
    trainer: Trainer, folder: RunFolder, record: dict[str, Any], notify: Notify
) -> dict[str, Any]:
    """Go back to the last checkpoint of a run, and return its record; the given one without any."""
    found = restore_newest(folder.checkpoints, trainer, record["identity"], may_change, notify)
    if found is None:
        notify(f"{folder.path}: no whole checkpoint, so training starts at the beginning.")
        return record
    checkpoint, changes = found
    notify(f"Resumed from {checkpoint.path}")
    if changes:
        notify(
            f"Changed: {'; '.join(changes)}. From here on this is another run: its weights differ "
            "from those of one that had these settings from its start."
        )
        trainer.extend()
    return {**checkpoint.record, "identity": record["identity"]}


def summarize(corpus: Corpus, prepared: Prepared, device: torch.device, ranks: Ranks) -> str:
    """Say in a line how much is trained on how much."""
    together = f", {ranks.count} ranks" if ranks.count > 1 else ""
    count = sum(parameter.numel() for parameter in prepared.model.parameters())
    return (
        f"{corpus.counts.sentences:,} training and {len(corpus.dev):,} development sentences, "
        f"{len(prepared.task.outputs)} tags or classes, {count:,} parameters, on {device}{together}"
    )


def train_epochs(
    trainer: Trainer,
    folder: RunFolder,
    record: dict[str, Any],
    minutes: float,
    callbacks: Sequence[Callback],
    progress: Progress,
) -> None:
    """Train to the end, or until a callback returns False.

    Args:
        trainer: Trains on from its state.
        folder: Gets checkpoints and the metrics of each epoch.
        record: Goes into each checkpoint; its `history` holds the metrics of each epoch.
        minutes: Between checkpoints.
        callbacks: See `train`.
        progress: Shows each event.

    Raises:
        NonFiniteLossError: The loss of a step is not a number.
        KeyboardInterrupt: After Ctrl-C, when a checkpoint is written.
        SystemExit: After SIGTERM or SIGHUP, likewise.
    """
    history = record["history"]
    log = folder.metric_log(history, trainer.metric)

    def handle(event: Step | Epoch) -> bool:
        """Log and show an event; return whether a callback stops the run."""
        if isinstance(event, Epoch):
            history.append({"epoch": event.epoch + 1, **event.metrics})
            log.append(history[-1])
            progress.epoch(event, trainer.metric)
        else:
            progress.step(event)
        answers = [callback(event) for callback in callbacks]
        stops = any(isinstance(answer, bool | np.bool_) and not answer for answer in answers)
        return bool(callbacks and trainer.ranks.greatest(stops))

    events = run_and_save(trainer, folder.checkpoints, record, minutes=minutes)
    stopped_at: Step | Epoch | None = None
    try:
        # Closing the generator saves a checkpoint, also after an error in a callback.
        with progress.training(trainer.epochs, len(history)), closing(events):
            for event in events:
                if handle(event):
                    stopped_at = event
                    break
    except (KeyboardInterrupt, SystemExit):
        tell(f"Interrupted; go on with --resume --out {folder.path}")
        raise
    if stopped_at is not None:
        tell("Training was stopped by a callback.")
    if isinstance(stopped_at, Step):
        handle(trainer.end_epoch())
    log.close()
