"""The end of a run: judge the best weights, write the model folder, report."""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from ner.config.loading import Config, to_toml
from ner.data.tokenizer import Tokenizer, agreement
from ner.evaluation.report import LabelReport, Report
from ner.exporting.model import save_exported
from ner.files import write_json
from ner.inference.evaluate import evaluate
from ner.inference.loading import build_predictor, load
from ner.model_folder import ModelFolder, save_model
from ner.training.model_card import model_card
from ner.training.prepare import Prepared
from ner.training.result import RunResult
from ner.training.run_folder import versions
from ner.training.splits import Corpus
from ner.training.storage import ENCODED
from ner.training.trainer import Trainer
from ner.training.weights import frozen_weights

# Vectors for new words, in the run folder until the model folder has them.
VECTORS = "vectors.safetensors"

# Of so many sentences the tokens are compared with those of the tokenizer.
AGREEMENT_SENTENCES = 20_000

# What a manifest tells of a report, where the report has it.
MANIFEST_METRICS = ("precision", "recall", "f1", "accuracy")


def finish(
    config: Config,
    folder: Path,
    corpus: Corpus,
    prepared: Prepared,
    trainer: Trainer,
    tokenizer: Tokenizer,
    *,
    seconds: float,
    notify: Callable[[str], None],
) -> RunResult:
    """Write `model/` and `report.json` into the folder of a run.

    Args:
        config: Of the run.
        folder: Of the run.
        corpus: All splits.
        prepared: What training started from.
        trainer: It has the best weights.
        tokenizer: Of the model.
        seconds: That training took.
        notify: Gets a line for everything that a user should know.
    """
    device = str(trainer.device)
    weights = {**frozen_weights(trainer.model), **trainer.best_weights}
    parts = ModelFolder(
        prepared.featurizer,
        prepared.task,
        prepared.network,
        {name: tensor.cpu().numpy() for name, tensor in weights.items()},
        tokenizer,
        config=to_toml(config),
    )
    predictor = build_predictor(parts, device=device)
    annotator, calibration = predictor.calibrated(corpus.dev, notify)
    parts = replace(parts, task=annotator.task)
    baseline = prepared.task.baseline(corpus.train)
    reports: dict[str, Report] = {}
    baselines: dict[str, float] = {}
    for split, gold in (("dev", corpus.dev), ("test", corpus.test)):
        if gold:
            title = f"{split} ({corpus.record[split]['source']})"
            reports[split] = evaluate(annotator, gold, name=title)
            baselines[split] = prepared.task.score(gold, [baseline(sentence) for sentence in gold])
    if isinstance(reports["dev"], LabelReport):
        reports["dev"] = replace(reports["dev"], calibration=calibration)
    result = RunResult(
        annotator, reports, baselines, prepared.task.baseline_name, folder / "model", seconds
    )
    record = _record(config, corpus, prepared, tokenizer, reports)
    assert trainer.state.best_epoch is not None
    record["best_epoch"] = trainer.state.best_epoch + 1
    parts = replace(parts, card=model_card(config, corpus.record, result), record=record)
    if config.training.export:
        save_exported(result.model, parts, corpus.dev, notify)
    else:
        save_model(result.model, parts)
    # From here on the vectors of new words are those in the model folder.
    result = replace(result, predictor=load(result.model, device=device))
    (folder / VECTORS).unlink(missing_ok=True)
    shutil.rmtree(folder / ENCODED, ignore_errors=True)
    results = result.to_dict()
    write_json(folder / "report.json", {split: results[split] for split in reports})
    return result


def _record(
    config: Config,
    corpus: Corpus,
    prepared: Prepared,
    tokenizer: Tokenizer,
    reports: Mapping[str, Report],
) -> dict[str, Any]:
    """Give what a manifest tells of how its model came about."""
    facts = {split: report.to_dict() for split, report in reports.items()}
    record = {
        "versions": versions(),
        "seed": config.seed,
        "data": corpus.record,
        "tokenizer": {
            "rules": tokenizer.rules,
            "agreement": round(agreement(tokenizer, islice(corpus.train, AGREEMENT_SENTENCES)), 4),
        },
        "metrics": {
            split: {key: found[key] for key in MANIFEST_METRICS if key in found}
            for split, found in facts.items()
        },
    }
    if prepared.featurizer.columns:
        record["columns"] = list(config.data.columns)
    return record
