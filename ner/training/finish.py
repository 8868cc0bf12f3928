"""The end of a run: evaluate the best weights, write the model folder and the report."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from ner.config.loading import Config, to_toml
from ner.evaluation.calibration import Calibration
from ner.evaluation.report import Report
from ner.evaluation.scores import METRIC_NAMES
from ner.exporting.model import save_exported
from ner.files import remove, write_json
from ner.inference.evaluate import evaluate
from ner.inference.loading import build_predictor, load
from ner.inference.predictor import Predictor
from ner.inference.runs import MODEL
from ner.messages import Notify, ignore
from ner.model_folder import ModelFolder, save_model
from ner.nn.building import Build
from ner.tasks import Task
from ner.training.document_folds import Learned
from ner.training.model_card import model_card
from ner.training.prepare import Prepared
from ner.training.ranks import Ranks
from ner.training.result import RunResult
from ner.training.run_folder import ENCODED, PARTS, REPORT, TEACHER, VECTORS, versions
from ner.training.settings import FEWEST_STEPS, without_folders
from ner.training.splits import Corpus
from ner.training.trainer import Trainer
from ner.training.weights import frozen_weights

# The scores in a manifest, as far as a report has them.
MANIFEST_METRICS = ("precision", "recall", "f1", "accuracy")


def finish(
    config: Config,
    folder: Path,
    corpus: Corpus,
    prepared: Prepared,
    trainer: Trainer,
    *,
    documents: Learned | None,
    seconds: float,
    notify: Notify,
) -> RunResult:
    """Write `model/` and `report.json` into the folder of a run.

    Args:
        config: All settings.
        folder: The folder of the run.
        corpus: All splits, and the tokenizer of the model.
        prepared: What training started from.
        trainer: Holds the best weights.
        documents: What was learned from models of parts, if anything.
        seconds: The time that training took.
        notify: Called with a line for everything that a user should know.
    """
    device = str(trainer.device)
    model = best_model(prepared, trainer, corpus, config)
    if documents is not None:
        model = replace(model, documents=documents.network)
    predictor, calibration = build_predictor(model, device=device).calibrated(corpus.dev, notify)
    result = RunResult(
        predictor=predictor,
        reports=evaluate_splits(predictor, corpus, calibration),
        baselines=evaluate_baseline(prepared.task, corpus),
        baseline_name=prepared.task.baseline_name,
        model=folder / MODEL,
        seconds=seconds,
    )
    record = describe_model(config, corpus, result.reports)
    if calibration is not None:
        record["calibration"] = calibration.to_dict()
    if documents is not None:
        record["documents"] = documents.worth.to_dict()
    assert trainer.state.best_epoch is not None
    record["best_epoch"] = trainer.state.best_epoch + 1
    card = model_card(
        config,
        corpus.record,
        result,
        prepared.network.get("build"),
        uses_documents=documents is not None,
    )
    model = replace(model, task=predictor.task, card=card, record=record)
    if config.training.export:
        save_exported(result.model, model, corpus.dev, notify)
    else:
        save_model(result.model, model)
    # From here on the vectors of new words are those in the model folder.
    result = replace(result, predictor=load(result.model, device=device, build=prepared.build))
    remove(folder / VECTORS)
    remove(folder / ENCODED)
    remove(folder / TEACHER)
    remove(folder / PARTS)
    write_json(folder / REPORT, result.splits())
    if result.is_below_baseline:
        notify(advice(config, result, trainer.state.total_steps))
    return result


def finish_together(
    ranks: Ranks, end: Callable[[], RunResult], device: torch.device, build: Build | None
) -> RunResult:
    """Let rank 0 finish a run; the others get its reports, and load the model that it has written.

    Args:
        ranks: The processes that trained together.
        end: Finishes the run.
        device: Where this process runs the model.
        build: The user's function that replaced components of the network.
    """
    result = end() if ranks.is_first else None
    facts = ranks.of_first(lambda: {k: v for k, v in vars(result).items() if k != "predictor"})
    if result is None:
        predictor = load(facts["model"], device=str(device), build=build)
        result = RunResult(predictor=predictor, **facts)
    return result


def advice(config: Config, result: RunResult, steps: int) -> str:
    """Say in a line what can help a model that scores lower than its baseline.

    Args:
        config: All settings. What they use already is left out.
        result: The model and its reports.
        steps: The steps that training made.
    """
    report, baseline = result.reports["dev"], result.baselines["dev"]
    helps = ["more annotated sentences"]
    if steps < FEWEST_STEPS:
        helps.append(
            f"more than {steps:,} steps (training.epochs and training.batch_size as 'auto')"
        )
    if not config.vectors.path:
        helps.append("pretrained vectors (vectors.path)")
    if not config.transformer.path:
        helps.append("a pretrained encoder (transformer.path)")
    return (
        f"Advice: the model scores less than {result.baseline_name} on the development data: "
        f"{METRIC_NAMES[report.metric]} {100 * report.score:.2f}, not {100 * baseline:.2f}. "
        f"What can help: {', '.join(helps)}."
    )


def best_model(prepared: Prepared, trainer: Trainer, corpus: Corpus, config: Config) -> ModelFolder:
    """Put the best weights together with all else that a model consists of."""
    weights = {**frozen_weights(trainer.model), **trainer.best_weights}
    return ModelFolder(
        prepared.featurizer,
        prepared.task,
        prepared.network,
        {name: tensor.cpu().numpy() for name, tensor in weights.items()},
        corpus.tokenizer,
        config=to_toml(without_folders(config)),
        build=prepared.build,
    )


def evaluate_splits(
    predictor: Predictor, corpus: Corpus, calibration: Calibration | None
) -> dict[str, Report]:
    """Evaluate a model on the development data, and on the test data if there are any."""
    reports: dict[str, Report] = {}
    for split, gold in (("dev", corpus.dev), ("test", corpus.test)):
        if gold:
            title = f"{split} ({corpus.record[split]['source']})"
            reports[split] = evaluate(predictor, gold, name=title, notify=ignore)
    if calibration is not None:
        reports["dev"] = replace(reports["dev"], calibration=calibration)
    return reports


def evaluate_baseline(task: Task, corpus: Corpus) -> dict[str, float]:
    """Compute the main score of the task's baseline on the same data."""
    predict = task.baseline(corpus.train)
    return {
        split: task.score(gold, [predict(sentence) for sentence in gold])
        for split, gold in (("dev", corpus.dev), ("test", corpus.test))
        if gold
    }


def describe_model(
    config: Config,
    corpus: Corpus,
    reports: Mapping[str, Report],
) -> dict[str, Any]:
    """Collect for the manifest how the model came about."""
    return {
        "versions": versions(),
        "seed": config.seed,
        "data": corpus.record,
        "tokenizer": {
            "rules": corpus.tokenizer.rules,
            "agreement": round(corpus.agreement, 4),
        },
        "metrics": {
            split: {k: v for k, v in report.to_dict().items() if k in MANIFEST_METRICS}
            for split, report in reports.items()
        },
    }
