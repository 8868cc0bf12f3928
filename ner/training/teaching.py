"""Teach a model what a teacher thinks: a better model, or an ensemble, that is larger and slower.

Source: Hinton, Vinyals and Dean, "Distilling the Knowledge in a Neural Network", 2015. For chains:
Wang et al., "Structure-Level Knowledge Distillation For Multilingual Sequence Labeling", ACL 2020,
section 3; there, the structure comes from n-best lists or from the marginals of tokens. Here, the
loss is the exact cross-entropy against the teacher's distribution over whole taggings.
"""

import itertools
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from ner.config.loading import Config, read_config
from ner.crf.forward_backward import Edges
from ner.data.formats.read import file_digest
from ner.data.lines import decode_lines, listed, read_lines
from ner.data.schemes import legal_steps
from ner.data.sentence import Sentence, Source
from ner.data.tokenizer import Tokenizer
from ner.ensemble_folder import EnsembleFolder, load_folder, member_folders
from ner.errors import ConfigError, DataError
from ner.features.arrays import Floats
from ner.files import sha256
from ner.inference.loading import load
from ner.inference.predictor import WINDOW
from ner.inference.second_pass import find_documents, windows_of_documents
from ner.installed import model_folder
from ner.messages import Notify
from ner.tasks import SpanTask, Task, TokenTask, make_task
from ner.tasks.base import divided, divided_edges
from ner.training.run_folder import TEACHER
from ner.training.splits import Corpus, count_training
from ner.training.teacher_targets import TeacherTargets, Thought, think, write

if TYPE_CHECKING:
    from ner.training.part_scores import Part

# Settings that a training of the teacher on other sentences takes from that of the model.
SHARED = ("vectors.path", "transformer.path", "training.threads", "training.device")


@dataclass(frozen=True)
class Teacher:
    """The teacher of a training.

    Args:
        folder: Its folder.
        digest: The digest of its files.
        raw_digest: The digest of the raw text; None if there is none.
    """

    folder: Path
    digest: str
    raw_digest: str | None

    @property
    def facts(self) -> dict[str, Any]:
        """What the record of a run says of it."""
        return {"digest": self.digest, "raw": self.raw_digest}


def find_teacher(config: Config) -> Teacher | None:
    """Find the teacher that a configuration names; None if it names none.

    Raises:
        ConfigError: There is none, but raw text or folds for it; or it labels whole texts; or a
            setting does not go with it.
        ModelFolderError: It cannot be read.
    """
    training = config.training
    if not training.teacher:
        for name in ("raw", "teacher_folds"):
            if value := getattr(training, name):
                raise ConfigError(
                    f"training.{name}: needs training.teacher, a model. Got {value} without."
                )
        return None
    for name in ("mentions", "tokens"):
        if value := getattr(config.augmentation, name):
            raise ConfigError(
                f"augmentation.{name}: must be 0 where there is a teacher, who has not seen the "
                f"changed sentences. Got {value}."
            )
    folder = model_folder(training.teacher)
    model = load_folder(folder)
    if not model.task.is_per_token:
        raise ConfigError(
            f"training.teacher: must be a tagger. Got one that {model.task.does}: {folder}."
        )
    return Teacher(folder, model.digest, file_digest(training.raw) if training.raw else None)


def add_raw(config: Config, corpus: Corpus, notify: Notify) -> Corpus:
    """Return a corpus with the sentences of the raw text, if there is any.

    Raises:
        ConfigError: The training sentences are on the disk.
        DataError: The text cannot be read, or is empty.
    """
    if corpus.storage is not None:
        raise ConfigError("data.storage: must be memory where there is a teacher. Got disk.")
    path = config.training.raw
    if not path:
        return corpus
    if config.inputs.columns:
        names = ", ".join(config.inputs.columns)
        raise ConfigError(f"inputs.columns: must be none where there is raw text. Got {names}.")
    task = make_task(config.model_dump())
    some_label = min(task.count_labels(corpus.counts.examples), default="")
    raw = list(_read_raw(path, corpus.tokenizer, task.column, some_label))
    if not raw:
        raise DataError(f"{path}: must hold a sentence on each line. Got none.")
    notify(f"{path}: {len(raw):,} sentences without annotation.")
    counts = count_training(config, task, itertools.chain(corpus.train, raw))
    return replace(corpus, raw=raw, counts=counts)


def _read_raw(
    path: str, tokenizer: Tokenizer, column: str | None, some_label: str
) -> Iterator[Sentence]:
    """Yield the sentences of raw text, with an annotation that weighs 0."""
    for number, text, problem in decode_lines(read_lines(path), path):
        if problem is not None:
            raise problem
        tokens, offsets = tokenizer(text)
        if tokens:
            columns = {} if column is None else {column: (some_label,) * len(tokens)}
            yield Sentence(
                tokens,
                text=text,
                offsets=offsets,
                columns=columns,
                spans=(),
                source=Source(path, number),
            )


def teach(
    teacher: Teacher,
    config: Config,
    corpus: Corpus,
    task: Task,
    run: Path,
    notify: Notify,
) -> TeacherTargets:
    """Find out what a teacher thinks of the training sentences and of raw text.

    It is kept in the folder of the run, where a resumed run finds it again.

    Args:
        teacher: The teacher.
        config: The settings of the run.
        corpus: All sentences.
        task: The task of the model, which has the tags of the training data.
        run: The folder of the run.
        notify: Called with a line for everything that a user should know.

    Raises:
        ConfigError: The teacher has other labels; or a setting of its training is wrong.
        DataError: The training data cannot be cut into parts.
    """
    asked = load(teacher.folder, device=config.training.device, threads=config.training.threads)
    _check_labels(asked.task, task)
    gold, raw = list(corpus.train), list(corpus.raw)
    lengths = [len(sentence) for sentence in (*gold, *raw)]
    scheme = task.head_options.get("scheme")
    count = len(task.outputs)
    legal = legal_steps(task.outputs, scheme)[1] if scheme else np.ones((count, count), np.bool_)
    weights = np.array(
        [config.training.teacher_weight] * len(gold) + [1.0] * len(raw), dtype=np.float32
    )
    key = _key(teacher, config, task, gold)
    opened = (run / TEACHER, key, lengths, legal)
    found = TeacherTargets.open(*opened, weights)
    if found is not None:
        return found
    own = cast("SpanTask | TokenTask", asked.task)
    order = [own.outputs.index(tag) for tag in task.outputs]
    folds = config.training.teacher_folds
    if folds:
        of_gold = _thoughts_of_parts(teacher, config, gold, own, run, folds, notify)
    else:
        of_gold = _thoughts(asked, gold)
    notify(f"{teacher.folder}: teaches {len(lengths):,} sentences.")
    every = itertools.chain(of_gold, _thoughts(asked, raw))
    write(*opened, (Thought(t[:, order], s[order][:, order]) for t, s in every))
    written = TeacherTargets.open(*opened, weights)
    assert written is not None
    return written


def _key(teacher: Teacher, config: Config, task: Task, gold: Sequence[Sentence]) -> str:
    """Compute a digest of everything that the teacher's probabilities depend on."""
    vectors = config.vectors.path
    facts = {
        **teacher.facts,
        "outputs": list(task.outputs),
        "gold": file_digest(gold),
        "folds": config.training.teacher_folds,
        "vectors": file_digest(vectors) if vectors and config.training.teacher_folds else None,
    }
    return sha256([json.dumps(facts, sort_keys=True).encode("ascii")])


def _check_labels(found: Task, task: Task) -> None:
    """Refuse a teacher with other labels or another tag scheme than the training data have.

    Raises:
        ConfigError: It is such a one.
    """
    lacks = sorted(set(task.labels) - set(found.labels))
    more = sorted(set(found.labels) - set(task.labels))
    said = [f"lacks {listed(lacks)}"] * bool(lacks) + [f"also has {listed(more)}"] * bool(more)
    if said:
        raise ConfigError(
            f"training.teacher: must have the labels of the training data. Got one that "
            f"{' and '.join(said)}."
        )
    if set(found.outputs) != set(task.outputs):
        raise ConfigError(
            f"training.teacher: must have the tag scheme {task.head_options.get('scheme')}. "
            f"Got {found.head_options.get('scheme')}."
        )


def _thoughts(asked: Any, sentences: Iterable[Sentence]) -> Iterator[Thought]:
    """Yield what a model thinks of each sentence, window by window."""
    for window in windows_of_documents(sentences, WINDOW):
        yield from think(asked.task, asked.runner.edges, asked.emissions(window))


def _thoughts_of_parts(
    teacher: Teacher,
    config: Config,
    gold: Sequence[Sentence],
    task: SpanTask | TokenTask,
    run: Path,
    folds: int,
    notify: Notify,
) -> Iterator[Thought]:
    """Yield what teachers that have not seen a sentence think of it.

    Each member of an ensemble is trained on the other parts with its own settings and seed.
    """
    # A training of a part is a training, which can have a teacher.
    from ner.training.kept_results import KeptResults
    from ner.training.part_scores import score_part

    model = load_folder(teacher.folder)
    is_ensemble = isinstance(model, EnsembleFolder)
    folders = member_folders(teacher.folder, model) if is_ensemble else [teacher.folder]
    settings = [_settings_of(folder, config) for folder in folders]
    with KeptResults.open(run.with_name(f"{run.name}-teacher")) as kept:
        for held in _folds(gold, folds):
            parts = [score_part(each, kept, gold, held, task, notify) for each in settings]
            plain = replace(task, temperature=1.0)
            yield from think(plain, *_pooled(parts))


def _settings_of(folder: Path, config: Config) -> Config:
    """Return the settings of a training of a teacher on a part of the corpus."""
    # A training of a part is a training, which can have a teacher.
    from ner.training.part_scores import OF_PARTS

    given: dict[str, Any] = dict(OF_PARTS)
    own = read_config(folder / "config.toml", given)
    for key in SHARED:
        section, _, name = key.partition(".")
        value = getattr(getattr(config, section), name)
        if getattr(getattr(own, section), name) or section == "training":
            given[key] = value
    return read_config(folder / "config.toml", given)


def _folds(gold: Sequence[Sentence], folds: int) -> list[range]:
    """Cut a corpus into parts: between documents where there are enough of them."""
    from ner.training.part_scores import document_folds

    if len(find_documents(gold)) >= folds:
        return document_folds(gold, folds)
    if len(gold) < folds:
        raise DataError(f"train: must have a sentence for each of {folds} parts. Got {len(gold)}.")
    cuts = [round(k * len(gold) / folds) for k in range(folds + 1)]
    return [range(a, b) for a, b in itertools.pairwise(cuts)]


def _pooled(parts: "Sequence[Part]") -> tuple[Edges, list[Floats]]:
    """Average the scores of several models, each divided by its temperature, as ensembles do."""
    count = len(parts[0].task.outputs)
    edges = [divided_edges(part.edges, count, part.task.temperature) for part in parts]
    scores = [[divided(each, part.task.temperature) for each in part.scores] for part in parts]
    mean = [np.asarray(np.mean(each, axis=0), np.float32) for each in zip(*scores, strict=True)]
    return Edges(*(np.mean(each, axis=0) for each in zip(*edges, strict=True))), mean
