"""The ways into training: a call from Python, a call from the command line, several seeds."""

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ner.annotator import Annotator
from ner.config import Config, load_config, parse_config
from ner.data.corpus import CorpusSource, file_digest
from ner.errors import ConfigError
from ner.evaluation.scoring import AnyReport
from ner.files import write_json
from ner.model_folder import ModelFolder, load_model
from ner.nn.loading import choose_device
from ner.targets import SpanTarget
from ner.training.progress import Progress
from ner.training.records import RunFolder, next_folder
from ner.training.result import METRIC_NAMES, RunResult
from ner.training.run import Run
from ner.training.setup import NETWORK, check_task

Settings = Mapping[str, Any]
# Settings of the network that a model does not decide for those that go on from it.
LEARNING = frozenset(
    (
        "words.replace_singletons",
        "bigrams.dropout",
        "encoder.weight_drop",
        "pooling.penalty",
        "head.label_smoothing",
        "transformer.tuned",
        "transformer.rate",
        "transformer.cache",
        "embedder.dropout",
        "embedder.word_dropout",
        "encoder.dropout",
        "head.cost",
        "head.weights",
    )
)


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
) -> tuple[Annotator[Any], AnyReport]:
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


def continue_from(config: Config, start: ModelFolder, where: str) -> Config:
    """Take over from a model what it is made of; how it goes on learning stays as configured.

    Raises:
        ConfigError: A setting that the model decides was given another value.
    """
    changes: dict[str, Any] = {}
    for name in NETWORK:
        section = getattr(config, name)
        # What a model of an older version does not tell was as by default.
        default = type(section)().model_dump(mode="json")
        for key, value in (default | start.network.get(name, {})).items():
            if f"{name}.{key}" in LEARNING:
                continue
            given = section.model_dump(mode="json")[key]
            if key in section.model_fields_set and given not in (value, "auto"):
                raise ConfigError(f"{name}.{key}: comes from {where}: {value}. Got {given}.")
            changes[f"{name}.{key}"] = value
    if config.task != start.target.task:
        raise ConfigError(f"task: comes from {where}: {start.target.task}. Got {config.task}.")
    if isinstance(start.target, SpanTarget):
        changes["head.scheme"] = start.target.scheme
    changes["vectors.path"] = ""
    if not config.data.columns:
        changes["data.columns"] = list(start.record.get("columns", ()))
    return config.updated(changes)


@dataclass(frozen=True)
class SeedSummary:
    """The figures of several runs that differ in their seed alone."""

    runs: Sequence[Mapping[str, Any]]
    metric: str

    def to_dict(self) -> dict[str, Any]:
        """Give everything as JSON can hold it; figures as fractions."""
        splits = [s for s in ("dev", "test") if s in self.runs[0]]
        summary = {}
        for split in splits:
            values = [run[split] for run in self.runs]
            summary[split] = {"mean": statistics.mean(values), "sd": statistics.stdev(values)}
        return {"metric": self.metric, "runs": list(self.runs), **summary}

    def __str__(self) -> str:
        facts = self.to_dict()
        splits = [s for s in ("dev", "test") if s in facts]
        name = METRIC_NAMES[self.metric]
        rows = [
            f"seed {run['seed']}: " + ", ".join(f"{s} {name} {100 * run[s]:.2f}" for s in splits)
            for run in self.runs
        ]
        rows += [
            f"{s} {name} {100 * facts[s]['mean']:.2f} ± {100 * facts[s]['sd']:.2f} "
            f"(mean and standard deviation of {len(self.runs)} seeds)"
            for s in splits
        ]
        return "\n".join(rows)


def train_seeds(
    config: str | Path | Config | None = None,
    *,
    seeds: int,
    out: str | Path | None = None,
    set: Settings | None = None,
    init: str | Path | None = None,
    resume: bool = False,
    progress: bool = True,
) -> SeedSummary:
    """Train with several seeds in a row, from the configured one on, into `out/seed-N`.

    With `resume`, finished runs are kept, one that was cut off goes on, and the rest follows.
    """
    path = Path(out) if out is not None else next_folder(_name(config), resume=resume)
    first = _settings(config, set).seed
    runs: list[dict[str, Any]] = []
    metric = ""
    for seed in range(first, first + seeds):
        folder = path / f"seed-{seed}"
        report = folder / "report.json"
        if not (resume and report.is_file()):
            train_run(
                config,
                out=folder,
                set={**(set or {}), "seed": seed},
                init=init,
                resume=resume and folder.is_dir(),
                progress=progress,
            )
        results = json.loads(report.read_text(encoding="utf-8"))
        runs.append({"seed": seed, **{split: facts["score"] for split, facts in results.items()}})
        metric = next(facts["metric"] for facts in results.values())
    summary = SeedSummary(runs, metric)
    write_json(path / "seeds.json", summary.to_dict())
    return summary


def _settings(config: str | Path | Config | None, changes: Settings | None) -> Config:
    if isinstance(config, Config):
        return config.updated(changes or {})
    if config is not None:
        return load_config(config, changes)
    return parse_config({}).updated(changes or {})


def _name(config: str | Path | Config | None) -> str:
    return Path(config).stem if isinstance(config, str | Path) else "model"
