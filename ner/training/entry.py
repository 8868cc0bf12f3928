"""The ways into training: a call from Python, a call from the command line, several seeds."""

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ner.config import Config, load_config, parse_config
from ner.data.corpus import CorpusSource
from ner.evaluation.report import Report
from ner.files import write_json
from ner.model_folder import load_model
from ner.tagger import Tagger
from ner.training.progress import Progress
from ner.training.records import RunFolder, next_folder
from ner.training.run import Run, RunResult

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
) -> tuple[Tagger, Report]:
    """Train a tagger.

    Args:
        config: A TOML file or a `Config`; defaults where there is none.
        out: Folder of the run; by default `runs/NAME`, numbered if that is taken.
        train: Training data: a file, a folder or name of HF `datasets`, or a list of sentences.
        dev: Development data, which choose the best weights; a tenth of training by default.
        test: Test data, looked at once when all is over.
        init: A model folder to go on from; its vocabularies and types are extended.
        resume: Go on with the run in `out` from its last checkpoint.
        progress: Show progress on stderr.
        set: Settings by dotted keys, such as `{"encoder.size": 100}`.
        sections: Settings by section, such as `encoder={"size": 100}` or `seed=2`.

    Returns:
        The tagger, and its report on the test data, or on the development data without any.

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
    return result.tagger, result.report


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
    if isinstance(config, Config):
        settings = config.updated(set or {})
    elif config is not None:
        settings = load_config(config, set)
    else:
        settings = parse_config({}).updated(set or {})
    path = Path(out) if out is not None else next_folder(_name(config), resume=resume)
    start = None if init is None else load_model(Path(init))
    folder = RunFolder.open(path, resume=resume)
    run = Run(settings.resolved(), folder, Progress(enabled=progress), sources or {}, start)
    return run.run(resume=resume)


@dataclass(frozen=True)
class SeedSummary:
    """F1 of several runs that differ in their seed alone."""

    runs: Sequence[Mapping[str, Any]]

    def to_dict(self) -> dict[str, Any]:
        """Give everything as JSON can hold it; F1 as fractions."""
        splits = [s for s in ("dev", "test") if s in self.runs[0]]
        summary = {}
        for split in splits:
            values = [run[split] for run in self.runs]
            summary[split] = {"mean": statistics.mean(values), "sd": statistics.stdev(values)}
        return {"runs": list(self.runs), **summary}

    def __str__(self) -> str:
        facts = self.to_dict()
        splits = [s for s in ("dev", "test") if s in facts]
        rows = [
            f"seed {run['seed']}: " + ", ".join(f"{s} F1 {100 * run[s]:.2f}" for s in splits)
            for run in self.runs
        ]
        rows += [
            f"{s} F1 {100 * facts[s]['mean']:.2f} ± {100 * facts[s]['sd']:.2f} (mean and standard "
            f"deviation of {len(self.runs)} seeds)"
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
    if isinstance(config, Config):
        first = config.updated(set or {}).seed
    else:
        first = (load_config(config, set) if config else parse_config({}).updated(set or {})).seed
    runs: list[dict[str, Any]] = []
    for seed in range(first, first + seeds):
        folder = path / f"seed-{seed}"
        report = folder / "report.json"
        if not (resume and report.is_file()):
            train_run(
                config,
                out=folder,
                set={**(set or {}), "seed": seed},
                init=init,
                resume=resume and (folder / "checkpoints").is_dir(),
                progress=progress,
            )
        results = json.loads(report.read_text(encoding="utf-8"))
        runs.append({"seed": seed, **{split: facts["f1"] for split, facts in results.items()}})
    summary = SeedSummary(runs)
    write_json(path / "seeds.json", summary.to_dict())
    return summary


def _name(config: str | Path | Config | None) -> str:
    return Path(config).stem if isinstance(config, str | Path) else "model"
