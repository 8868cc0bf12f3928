"""Train a model on what noisy teachers say, with some gold annotation."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from ner.choices import Occurrences
from ner.config.loading import Config, read_config
from ner.data.formats.options import ReadOptions
from ner.data.formats.read import CorpusSource, read_sentences, source_name
from ner.data.sentence import Sentence
from ner.data.tools.teaching import taught
from ner.errors import ConfigError, DataError
from ner.messages import Notify, tell
from ner.tasks import make_task
from ner.training.choose_tokenizer import tokenizer_of
from ner.training.document_folds import check_settings
from ner.training.gold_first import folder_of_run, learn_gold, warn_of_loss
from ner.training.launch import refuse_several
from ner.training.result import RunResult
from ner.training.run_folder import is_taken
from ner.training.train import Settings, run_training

# Lines about mended suggestions that are shown.
MOST_LINES = 10


def distil(
    teachers: Mapping[str, CorpusSource] | Sequence[str | Path],
    gold: CorpusSource,
    dev: CorpusSource,
    *,
    out: str | Path | None = None,
    config: str | Path | Config | None = None,
    gold_weight: float = 2.0,
    occurrences: Occurrences = "all",
    options: ReadOptions | None = None,
    init: str | Path | None = None,
    set: Settings | None = None,
    resume: bool = False,
    progress: bool = True,
    notify: Notify = tell,
) -> RunResult:
    """Train a tagger on the labels of teachers that err, and on some gold annotation.

    Texts that both gold and a teacher have tell how often the teacher errs. The labels of all its
    other texts become soft annotation: each result counts by how probable the labels of the teacher
    would be if it were right. Training starts from a model of gold alone, which is trained first
    and kept in the folder `OUT-gold`. Gold development data choose the epoch.

    Args:
        teachers: Files, or what each teacher says by name, as for `ner.merge`.
        gold: A corpus that is annotated without errors. Its texts should be labelled by the
            teachers, too.
        dev: Gold development data.
        out: Folder of the run, as for `ner.train`; that of gold alone is beside it.
        config: Settings, as for `ner.train`.
        gold_weight: Factor on the losses of gold sentences, at least 0.
        occurrences: As for `ner.merge`.
        options: How gold and development data are read. Files of teachers are detected.
        init: A model to train further, as for `ner.train`, in place of one of gold alone.
        set: Settings by dotted keys, such as `{"training.epochs": 5}`.
        resume: Continue the run in `out`, or that of gold alone, as for `ner.train`.
        progress: Show progress.
        notify: Called with a line for everything that a user should know. By default, it is logged.

    Raises:
        ConfigError: A setting is wrong, or several processes train together.
        DataError: Data cannot be read, or gold is not annotated.
    """
    if not 0 <= gold_weight < float("inf"):
        raise ConfigError(f"--gold-weight: must be a number of at least 0. Got {gold_weight}.")
    refuse_several("distil")
    settings = read_config(config, set)
    check_settings(settings, continues=True, is_built=False)
    if not make_task(settings.model_dump()).finds_spans:
        raise ConfigError(f"task: must find spans, as teachers do. Got {settings.task}.")
    reading = options or ReadOptions()
    known = [s for s in annotated(gold, reading) if s.tokens]
    tokenize = tokenizer_of(settings.data.tokenizer, known)
    options_of_teachers = ReadOptions(tokenize=tokenize)
    found = taught(teachers, known, occurrences=occurrences, options=options_of_teachers)
    for line in found.changes[:MOST_LINES]:
        notify(line)
    if len(found.changes) > MOST_LINES:
        notify(f"{len(found.changes):,} suggestions in all were moved, searched for or dropped.")
    for name, rates in found.rates.items():
        notify(f"{name}: {rates}.")
    if not found.shared:
        notify(
            "Warning: no teacher labels a text of gold, so their errors are not known. Label the "
            "gold texts by the teachers, too."
        )
    notify(
        f"{len(known):,} gold sentences with weight {gold_weight:g}, {found.shared:,} of them "
        f"labelled by teachers, and {len(found.sentences):,} other sentences of teachers."
    )
    run = folder_of_run(out, resume)
    dev_sentences = annotated(dev, reading)
    gold_model = None
    if init is None and any(sentence.spans for sentence in known):
        others = len(found.sentences)
        gold_model = learn_gold(
            settings, known, dev_sentences, others, run, resume, progress, notify
        )
        resume = resume and is_taken(run)
    result = run_training(
        settings,
        out=run,
        sources={"train": [*known, *found.sentences], "dev": dev_sentences},
        weights=[gold_weight] * len(known) + [1.0] * len(found.sentences),
        init=init or gold_model,
        resume=resume,
        progress=progress,
    )
    if gold_model is not None:
        warn_of_loss(gold_model, result, notify)
    return result


def annotated(source: CorpusSource, options: ReadOptions) -> list[Sentence]:
    """Read gold annotation.

    Raises:
        DataError: A sentence is not annotated, or only in part.
    """
    sentences = read_sentences(source, options)
    for sentence in sentences:
        if sentence.spans is None:
            kind = "partial annotation" if sentence.allowed else "none"
            where = sentence.source or source_name(source)
            raise DataError(f"{where}: gold must be annotated with spans. Got {kind}.")
    return sentences
