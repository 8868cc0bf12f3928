"""Add types to a model from sentences that mark only these, without forgetting its old types."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ner.config.loading import read_config
from ner.data.formats.options import ReadOptions
from ner.data.formats.read import CorpusSource, source_name
from ner.data.lines import listed
from ner.data.sentence import Sentence
from ner.errors import ConfigError, DataError
from ner.evaluation.scores import table
from ner.evaluation.span_metrics import f1
from ner.files import write_json
from ner.inference.predictor import Predictor
from ner.inference.reading import read_annotated
from ner.inference.tagger import Tagger
from ner.messages import Notify, tell
from ner.training.completion import completed, opened
from ner.training.splits import held_out_indices, without
from ner.training.train import Settings, run_training

RESULT = "extension.json"

# The name of the scores over all old types.
ALL = "all old types"

# An old type may lose this much F1, from 0 to 1, without a warning.
MOST_LOST = 0.01

# Copies of each new sentence, with different results of the old model. Fewer are further from its
# probabilities, see "Add a type to a model" in docs/extend-model.md.
DRAWS = 5

# Few steps, since the weights are good already and the old types must stay.
SETTINGS: Mapping[str, Any] = {"training.epochs": 8, "training.batch_size": 32}


@dataclass(frozen=True)
class TypeScore:
    """The F1 of a type, or of several together, from 0 to 1.

    Args:
        before: That of the old model; None for a new type.
        after: That of the extended model.
        support: Number of gold entities.
    """

    before: float | None
    after: float
    support: int

    def cells(self) -> list[str]:
        """Return the row of a table."""
        before = "-" if self.before is None else f"{100 * self.before:.2f}"
        change = "-" if self.before is None else f"{100 * (self.after - self.before):+.2f}"
        return [before, f"{100 * self.after:.2f}", change, f"{self.support:,}"]


@dataclass(frozen=True)
class Extension:
    """A model with new types, and what became of the old ones.

    Args:
        predictor: The extended model, ready for use.
        model: Its folder.
        old: The scores of each old type, and of all of them as `ALL`.
        new: The scores of each new type.
        measured_on_gold: Whether the scores of old types come from annotation; otherwise gold is
            what the old model finds beside the entities of new types.
    """

    predictor: Predictor
    model: Path
    old: Mapping[str, TypeScore]
    new: Mapping[str, TypeScore]
    measured_on_gold: bool

    @property
    def fallen(self) -> list[str]:
        """The old types that lost more than 1.0 F1."""
        return [
            label
            for label, score in self.old.items()
            if label != ALL and score.before is not None and score.before - score.after > MOST_LOST
        ]

    def to_dict(self) -> dict[str, Any]:
        """Return everything, as JSON can hold it; scores are between 0 and 1."""
        return {
            "model": str(self.model),
            "measured_on_gold": self.measured_on_gold,
            "old": {label: dict(vars(score)) for label, score in self.old.items()},
            "new": {label: dict(vars(score)) for label, score in self.new.items()},
        }

    def __str__(self) -> str:
        rows = [["F1", "before", "after", "change", "entities"]]
        rows += [[n, *s.cells()] for each in (self.old, self.new) for n, s in each.items()]
        about = (
            "Old types are scored on the corpus of --old-dev."
            if self.measured_on_gold
            else "Without --old-dev, gold is what the old model finds beside new entities."
        )
        return f"{table(rows)}\n\n{about} Model: {self.model}"


def extend(
    model: str | Path,
    new: CorpusSource,
    types: Sequence[str],
    *,
    dev: CorpusSource | None = None,
    old: CorpusSource | None = None,
    old_dev: CorpusSource | None = None,
    out: str | Path | None = None,
    options: ReadOptions | None = None,
    set: Settings | None = None,
    resume: bool = False,
    progress: bool = True,
    notify: Notify = tell,
) -> Extension:
    """Train a tagger further on sentences that mark only new types.

    The old model completes the new sentences by entities of its types, several times, each as often
    as it holds them for probable. The new model learns its probabilities, and the new types.

    Args:
        model: A tagger, see `ner.load`. It stays as it is.
        new: Sentences with the entities of the new types. Those of other types are left out.
        types: The new types.
        dev: Development data for the new types; by default a tenth of the new sentences. Entities
            of other types are left out.
        old: Some of the old training data, if there are any. In them, the new types are unknown.
        old_dev: Development data for the old types, which are scored before and after.
        out: Folder of the run, as for `ner.train`.
        options: How all these data are read. What they leave open is as in the model's training.
        set: Settings by dotted keys, such as `{"training.epochs": 5}`.
        resume: Continue the run in `out`, as for `ner.train`.
        progress: Show progress.
        notify: Called with a line for everything that a user should know. By default, it is logged.

    Raises:
        ConfigError: A type is known already, none is given, or a setting is wrong.
        DataError: Data cannot be read, are annotated in part, or lack an entity of a new type.
        ModelFolderError: The model cannot be read, or finds no spans.
    """
    before = Tagger.load(model)
    check_types(before, types, model)
    names = {"old_dev": old_dev, "old": old, "dev": dev, "new": new}
    read = {
        name: read_annotated(before, source, options, notify=notify)
        for name, source in names.items()
        if source is not None
    }
    marked = {name: only(types, read[name]) for name in ("new", "dev") if name in read}
    check_marked(types, marked["new"], source_name(new), notify)
    config = read_config(None, {**SETTINGS, **(set or {})})
    train = marked["new"]
    if "dev" not in marked:
        held = held_out_indices(len(train), config.seed)
        marked["dev"], train = [train[i] for i in held], without(train, held)
        notify(f"No development data: {len(held)} of the new sentences are held out.")
    extra = [opened(sentence, types) for sentence in only(before.labels, read.get("old", []))]
    dev_sentences = completed(before, marked["dev"])
    train = completed(before, train, draws=DRAWS, seed=config.seed)
    result = run_training(
        config,
        out=out,
        sources={"train": train + extra, "dev": dev_sentences},
        init=model,
        resume=resume,
        progress=progress,
    )
    after = result.predictor
    gold = only(before.labels, read.get("old_dev", dev_sentences))
    found = [each.tag_sentences(gold) for each in (before, after)]
    new_found = after.tag_sentences(marked["dev"])
    extension = Extension(
        after,
        result.model,
        old=compared(before.labels, gold, *found),
        new={label: TypeScore(None, *scored([label], marked["dev"], new_found)) for label in types},
        measured_on_gold="old_dev" in read,
    )
    write_json(result.model.parent / RESULT, extension.to_dict())
    if extension.fallen:
        notify(
            f"Warning: F1 of {listed(extension.fallen)} falls by more than 1.0. Fewer epochs "
            "(training.epochs), a lower rate (training.learning_rate) or some old training data "
            "(--old) can help."
        )
    return extension


def check_types(model: Tagger, types: Sequence[str], where: str | Path) -> None:
    """Refuse types that are not new.

    Raises:
        ConfigError: There are none, or the model knows one.
    """
    if not types:
        raise ConfigError("--types: must name the new types. Got none.")
    for label in types:
        if label in model.labels:
            raise ConfigError(
                f"--types: must be new to {where}, which knows {listed(model.labels)}. Got "
                f"{label!r}. For more data of a known type, use ner train --init."
            )


def check_marked(
    types: Collection[str], sentences: Sequence[Sentence], where: str, notify: Notify
) -> None:
    """Refuse new sentences that lack a type.

    Raises:
        DataError: No entity has one of the types.
    """
    found = {span.label for sentence in sentences for span in sentence.spans or ()}
    for label in types:
        if label not in found:
            raise DataError(f"{where}: must mark entities of {label}. Got none.")
    notify(f"{where}: {listed(sorted(found))} are new; the old model completes the rest.")


def only(labels: Collection[str], sentences: Sequence[Sentence]) -> list[Sentence]:
    """Return sentences with the spans of some labels alone."""
    return [
        s.replace(spans=[span for span in s.spans or () if span.label in labels]) for s in sentences
    ]


def compared(
    labels: Sequence[str],
    gold: Sequence[Sentence],
    before: Sequence[Sentence],
    after: Sequence[Sentence],
) -> dict[str, TypeScore]:
    """Score each of some labels before and after, and all of them together."""
    groups = {label: [label] for label in labels} | {ALL: list(labels)}
    return {
        name: TypeScore(scored(group, gold, before)[0], *scored(group, gold, after))
        for name, group in groups.items()
    }


def scored(
    labels: Collection[str], gold: Sequence[Sentence], found: Sequence[Sentence]
) -> tuple[float, int]:
    """Compute F1 over the spans of some labels, and count the gold ones."""
    expected = [[span for span in s.spans or () if span.label in labels] for s in gold]
    predicted = [[span for span in s.found_spans or () if span.label in labels] for s in found]
    return f1(expected, predicted), sum(map(len, expected))
