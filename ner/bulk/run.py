"""Tag many files: find them, cut them into units, tag what is missing, and add up."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from time import monotonic
from typing import get_args

from ner.arrow import ERROR
from ner.bulk.local_engine import run_here, run_processes
from ner.bulk.places import Place
from ner.bulk.ray_engine import run_ray
from ner.bulk.sources import find_files
from ner.bulk.summary import Summary
from ner.bulk.units import Unit, plan_units
from ner.bulk.work import Job
from ner.choices import BulkOutput, Engine, OnRowError, Precision, RuntimeName
from ner.cores import count_cores
from ner.data.min_score import MinScore
from ner.data.sentence_splitter import FindStarts
from ner.errors import ConfigError, DataError
from ner.extras import require
from ner.inference.rows import RowTagger, portable_name
from ner.installed import DEFAULT
from ner.messages import Notify, tell
from ner.rules.rules import Rules

SECONDS_BETWEEN_LINES = 10.0


def tag_files(
    sources: str | Path | Iterable[str | Path],
    out: str | Path,
    model: str | Path = DEFAULT,
    *,
    engine: Engine = "local",
    workers: int | None = None,
    address: str | None = None,
    text: str = "text",
    keep: Sequence[str] | None = None,
    output: BulkOutput = "parquet",
    on_error: OnRowError = "column",
    overwrite: bool = False,
    min_score: MinScore = 0.0,
    rules: Rules | None = None,
    split: FindStarts | None = None,
    runtime: RuntimeName = "auto",
    precision: Precision = "fp32",
    device: str = "cpu",
    notify: Notify = tell,
) -> Summary:
    """Tag or label the texts of many files, and write files with the results.

    Each file, or some row groups of a parquet file, become one file in `out`, in the same order. A
    call that was interrupted can be repeated: it does what is missing.

    Args:
        sources: Files, folders, patterns such as `news/**/*.parquet`, and URLs that pyarrow or
            fsspec know. Files are parquet, JSON lines (`.jsonl`) or a text on each line (`.txt`);
            the last two may be packed (`.gz`, `.zst`, `.bz2`).
        out: A folder or the URL of one; either empty, or with results of an earlier call.
        model: A model folder, or any other name that `ner.load` takes.
        engine: What does the work: "local" for processes on this machine, "ray" for actors of Ray,
            which needs the extra `ray`.
        workers: The number of processes or actors; by default one for each core. With "local", 0
            works in this process, which a text that ends its process would end.
        address: The address of a cluster of Ray; by default Ray runs on this machine.
        text: The column or field of texts.
        keep: The columns or fields that results have, too; by default all.
        output: The format of the results: "parquet" or "jsonl".
        on_error: "column" writes why a row failed into the column `error`; "raise" ends the call.
        overwrite: Whether results that are there are removed first.
        min_score: Entities with a lower score are left out, from 0 to 1; or a score for each label.
        rules: Words and patterns that the model obeys, see `ner.Predictor.pipe`.
        split: Finds the sentences of a text, such as a `ner.SentenceSplitter`: each is tagged by
            itself. It is pickled for other processes.
        runtime: As for `ner.load`, like the following ones.
        precision: See there.
        device: See there.
        notify: Called with lines for the user.

    Returns:
        What is there now, and what failed.

    Raises:
        ConfigError: An argument has no such value, or they do not go together; `rules` have labels
            that the model lacks; `out` holds something else; or no process starts.
        DataError: A source is missing, or cannot be read; or a row failed and `on_error` is
            "raise".
        MissingExtraError: The extra `bulk` or `ray` is not installed.
        ModelFolderError: The model cannot be read.
        TaskError: There are `rules`, a `split` or a `min_score` that the model cannot use.
        OSError: `out` cannot be written.
    """
    _check(engine, workers, address, output, on_error)
    tagger = RowTagger(portable_name(model), min_score, split, runtime, precision, device, 1, rules)
    predictor = tagger.predictor
    assert predictor.origin is not None  # it was read from a folder
    digest = predictor.origin.digest
    kept = None if keep is None else tuple(keep)
    place = Place.find(out)
    job = Job(tagger, digest, text, kept, place.name, output, on_error)
    files = find_files(sources, place)
    units = plan_units(files, text, kept, (predictor.task.results, ERROR))
    folder = job.folder
    folder.begin(_settings(job), overwrite=overwrite)
    present = folder.present(units)
    missing = [unit for unit in units if unit.name not in present]
    progress = _Progress(len(units), len(present), on_error, notify)
    if engine == "ray":
        run_ray(job, missing, workers, address, progress)
    elif workers == 0:
        run_here(job, missing, progress)
    else:
        run_processes(job, missing, workers or count_cores(), progress)
    return folder.finish(units, len(present), progress.failed)


class _Progress:
    """Counts units, and remembers why some failed."""

    def __init__(self, total: int, present: int, on_error: OnRowError, notify: Notify) -> None:
        self.total, self.done, self.notify = total, present, notify
        self.ends_at_failure = on_error == "raise"
        self.failed: dict[str, str] = {}
        self.told = monotonic()

    def __call__(self, unit: Unit, failure: str | None) -> None:
        """Note that a unit is done; `failure` says why it is not.

        Raises:
            DataError: It failed, and a failure is to end all.
        """
        self.done += 1
        if failure is not None:
            if self.ends_at_failure:
                raise DataError(failure)
            self.failed[unit.name] = failure
        if monotonic() - self.told >= SECONDS_BETWEEN_LINES:
            self.told = monotonic()
            self.notify(f"{self.done:,} of {self.total:,} parts are done.")


def _settings(job: Job) -> dict[str, object]:
    """Return all that results depend on."""
    tagger = job.tagger
    return {
        "model": job.digest,
        "text": job.text,
        "keep": None if job.keep is None else list(job.keep),
        "output": job.output,
        "min_score": _plain(tagger.min_score),
        "split": None if tagger.split is None else _describe(tagger.split),
        "precision": tagger.precision,
        "rules": None if tagger.rules is None else tagger.rules.digest,
    }


def _plain(min_score: MinScore) -> object:
    return dict(min_score) if isinstance(min_score, Mapping) else float(min_score)


def _describe(split: FindStarts) -> str:
    """Return what tells splitters of sentences apart, and is the same in every process."""
    return getattr(split, "__qualname__", None) or repr(split)


def _check(
    engine: str, workers: int | None, address: str | None, output: str, on_error: str
) -> None:
    """Refuse unknown values, and those that do not go together.

    Raises:
        ConfigError: That is so.
        MissingExtraError: The engine is not installed.
    """
    for name, value, known in (
        ("engine", engine, get_args(Engine)),
        ("output", output, get_args(BulkOutput)),
        ("on_error", on_error, get_args(OnRowError)),
    ):
        if value not in known:
            raise ConfigError(f"{name}: must be one of {', '.join(known)}. Got {value!r}.")
    least = 1 if engine == "ray" else 0
    if workers is not None and workers < least:
        raise ConfigError(f"workers: must be at least {least}. Got {workers}.")
    if address is not None and engine != "ray":
        raise ConfigError(f"address: is for the engine ray. Got {engine}.")
    if engine == "ray":
        require("ray", "The engine ray", "ray")
