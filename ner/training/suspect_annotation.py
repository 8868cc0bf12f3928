"""Suspect annotation, found by cross-validation, and weights for training despite of it.

Source: Wang et al., "CrossWeigh: Training Named Entity Tagger from Imperfect Annotations",
EMNLP-IJCNLP 2019. A model judges only sentences none of whose entities it has seen in training, so
that it cannot have learned a mistake by heart. There, sentences are weighed by whether models
disagree with their annotation; here, their entities are also ranked by exact posteriors.
"""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ner.config.loading import Config, read_config
from ner.data.formats.read import CorpusSource
from ner.data.schemes import Span
from ner.data.sentence import Sentence
from ner.data.tools.corpus_file import token_place
from ner.data.tools.entity_folds import disjoint_sentences, entity_folds, surfaces_of
from ner.errors import ConfigError, DataError
from ner.evaluation.scores import table
from ner.evaluation.suspects import Judgement, Posterior, Suspect, rank_suspects, text_of
from ner.inference.predictor import Predictor
from ner.messages import Notify, tell
from ner.tasks import make_task
from ner.training.kept_results import KeptResults, training_key
from ner.training.sentence_weights import read_weights_of
from ner.training.settings import FEWEST_STEPS
from ner.training.splits import training_reader
from ner.training.train import Settings, run_training

# Factor on the weight of a sentence for each round in which models disagree with its annotation.
# Source: CrossWeigh, section 4.1.
DISAGREEMENT = 0.7

# Without a configuration, trainings are short: the ranking needs no best model.
FAST: Mapping[str, Any] = {
    "encoder.size": 100,
    "training.learning_rate": 4e-3,
    "training.ema": 0.99,
}
FEWEST_EPOCHS, MOST_EPOCHS = 5, 40

# Training sentences from which on the fast settings have large batches.
LARGE = 4_000


@dataclass(frozen=True)
class SuspectReport:
    """Annotation that models hold for wrong.

    Args:
        suspects: What is more probably wrong than right, most suspicious first.
        sentences: All sentences of the corpus, in their order.
        weights: The weight of each sentence, for `training.weights`.
        format_: The format of the corpus, if it is a file.
        entities: Number of gold entities that were judged.
        unknown: Number of gold entities that were not, because no model knows their label.
        scores: F1 on the held part of each training.
    """

    suspects: Sequence[Suspect]
    sentences: Sequence[Sentence]
    weights: Sequence[float]
    format_: str | None
    entities: int
    unknown: int
    scores: Sequence[float]

    def place(self, suspect: Suspect) -> str:
        """Return file and line of a suspect, or the number of its sentence."""
        sentence = self.sentences[suspect.sentence]
        place = token_place(sentence, suspect.span.start, self.format_)
        return place or f"sentence {suspect.sentence + 1}"

    def text(self, suspect: Suspect, span: Span | None = None) -> str:
        """Return the text of a suspect, or of another span of its sentence."""
        return text_of(self.sentences[suspect.sentence], span or suspect.span)

    def records(self) -> list[dict[str, Any]]:
        """Return the suspects as JSON can hold them, with place and text."""
        return [
            {"place": self.place(suspect), "text": self.text(suspect), **suspect.to_dict()}
            for suspect in self.suspects
        ]

    def to_dict(self) -> dict[str, Any]:
        """Return everything but sentences and weights, as JSON can hold it."""
        return {
            "sentences": len(self.sentences),
            "entities": self.entities,
            "entities_of_unknown_labels": self.unknown,
            "scores": list(self.scores),
            "suspects": self.records(),
        }

    def lines(self, number: int) -> str:
        """Write the first suspects as a table, and a line with totals."""
        rows = [["place", "text", "gold", "models", "kind", "suspicion"]]
        for suspect in self.suspects[:number]:
            gold, other = suspect.gold, suspect.other
            is_elsewhere = other is not None and other[:2] != suspect.span[:2]
            text = f" {self.text(suspect, other)}" if is_elsewhere else ""
            rows.append(
                [
                    self.place(suspect),
                    self.text(suspect),
                    gold.label if gold else "-",
                    f"{other.label}{text}" if other else "-",
                    suspect.kind,
                    f"{suspect.suspicion:.4f}",
                ]
            )
        shown = min(number, len(self.suspects))
        total = (
            f"{shown:,} of {len(self.suspects):,} suspects, in {self.entities:,} entities of "
            f"{len(self.sentences):,} sentences. F1 on held parts: "
            f"{100 * statistics.mean(self.scores):.2f}."
        )
        return f"{table(rows)}\n\n{total}" if shown else total


def find_suspects(
    config: str | Path | Config | None = None,
    *,
    folder: str | Path,
    folds: int = 5,
    rounds: int = 1,
    are_short: bool | None = None,
    set: Settings | None = None,
    sources: Mapping[str, CorpusSource] | None = None,
    notify: Notify = tell,
) -> SuspectReport:
    """Find annotation of a training corpus that models of its other parts hold for wrong.

    Args:
        config: Settings of the trainings.
        folder: Keeps the results of finished trainings; the same call goes on from there.
        folds: Number of parts, each of which is judged by a model of the others.
        rounds: How often to repeat this with other folds; their judgements are averaged.
        are_short: Whether settings of small networks and short trainings replace those of the
            configuration; by default, where there is none.
        set: Settings by dotted keys, which win.
        sources: The split `train`, if it is in memory.
        notify: Called with a line for everything that a user should know.

    Raises:
        ConfigError: A setting is wrong, or the task finds no spans.
        DataError: The corpus cannot be read, or is too small.
    """
    chosen = read_config(config, set)
    if not make_task(chosen.model_dump()).finds_spans:
        raise ConfigError(f"task: must find spans, to find suspects. Got {chosen.task}.")
    if rounds < 1:
        raise ConfigError(f"--rounds: must be at least 1. Got {rounds}.")
    reader = training_reader(chosen, sources or {}, notify)
    sentences = list(reader)
    if not any(sentence.spans for sentence in sentences):
        raise DataError("train: must have entities, to find suspects. Got none.")
    if config is None if are_short is None else are_short:
        chosen = chosen.updated(fast_settings(len(sentences)) | dict(set or {}))
    factors = read_weights_of(chosen.training.weights, sentences)
    check = CrossCheck(chosen, sentences, factors, folds)
    judged: list[list[Judgement | None]] = []
    scores: list[float] = []
    with KeptResults.open(Path(folder)) as kept:
        for i in range(rounds):
            found, reached = check.run(kept, chosen.seed + i, notify)
            judged.append(found)
            scores += reached
    return _report(sentences, judged, scores, reader.options.format)


def fast_settings(sentences: int) -> dict[str, Any]:
    """Return settings of short trainings, for a number of sentences."""
    batch_size = 32 if sentences >= LARGE else 8
    epochs = -(-FEWEST_STEPS * batch_size // sentences)
    return {
        **FAST,
        "training.batch_size": batch_size,
        "training.epochs": min(max(epochs, FEWEST_EPOCHS), MOST_EPOCHS),
    }


class CrossCheck:
    """Judges all sentences of a corpus by models of its other sentences.

    Args:
        config: Settings of the trainings.
        sentences: All sentences. Those that are annotated in part are trained on in every fold, and
            not judged.
        factors: The weight of each sentence in training; None without any.
        folds: Number of parts.
    """

    def __init__(
        self,
        config: Config,
        sentences: Sequence[Sentence],
        factors: Sequence[float] | None,
        folds: int,
    ) -> None:
        self.config = config
        self.sentences = sentences
        self.factors = factors
        self.folds = folds
        self.whole = [i for i, sentence in enumerate(sentences) if sentence.spans is not None]
        self.partial = [i for i, sentence in enumerate(sentences) if sentence.spans is None]
        self.surfaces = [surfaces_of(sentences[i]) for i in self.whole]

    def run(
        self, kept: KeptResults, seed: int, notify: Notify
    ) -> tuple[list[Judgement | None], list[float]]:
        """Train a model for each fold; return the judgement of each sentence, and F1 of each fold.

        Raises:
            DataError: Every other sentence shares an entity with a fold.
        """
        judgements: list[Judgement | None] = [None] * len(self.sentences)
        scores: list[float] = []
        fold_of = entity_folds(self.surfaces, self.folds, seed)
        for fold in range(self.folds):
            held = [i for i, chosen in enumerate(fold_of) if chosen == fold]
            rest = disjoint_sentences(self.surfaces, held)
            train = sorted([*(self.whole[i] for i in rest), *self.partial])
            held = [self.whole[i] for i in held]
            notify(
                f"Fold {fold + 1} of {self.folds}, seed {seed}: {len(train):,} sentences judge "
                f"{len(held):,}."
            )
            if not any(self.sentences[i].spans for i in train):
                raise DataError(
                    f"train: fold {fold + 1} must leave entities to learn from, which do not occur "
                    "in it. Got none. Try more folds or a larger corpus."
                )
            result = self._train(kept, train, held, seed)
            scores.append(result["score"])
            for i, judgement in zip(held, result["judgements"], strict=True):
                judgements[i] = _from_json(judgement)
        return judgements, scores

    def _train(
        self, kept: KeptResults, train: Sequence[int], held: Sequence[int], seed: int
    ) -> dict[str, Any]:
        factors = None if self.factors is None else [self.factors[i] for i in train]
        # The held part is the development data: it chooses the epoch and the temperature.
        splits = {
            "train": [self.sentences[i] for i in train],
            "dev": [self.sentences[i] for i in held],
        }
        config = self.config.updated({"seed": seed, "training.document_folds": 0})

        def judge(run: Path, resume: bool) -> dict[str, Any]:
            result = run_training(
                config, out=run, sources=splits, weights=factors, resume=resume, progress=False
            )
            judgements = judge_sentences(result.predictor, splits["dev"])
            return {"score": result.reports["dev"].score, "judgements": judgements}

        return kept.get(training_key(config, **splits, weights=factors), judge)


def judge_sentences(model: Predictor, gold: Sequence[Sentence]) -> list[dict[str, Any]]:
    """Return what a model says about the annotation of each sentence, as JSON can hold it."""
    predicted = [tuple(s.prediction.spans or ()) for s in model.tag_sentences(gold)]
    asked = [
        [span for span in dict.fromkeys((*(s.spans or ()), *found)) if span.label in model.labels]
        for s, found in zip(gold, predicted, strict=True)
    ]
    ranges = [
        [each for span in spans for each in (span, (span.start, span.end, None))] for spans in asked
    ]
    judgements: list[dict[str, Any]] = []
    for sentence, found, spans, numbers in zip(
        gold, predicted, asked, model.posteriors(gold, ranges), strict=True
    ):
        pairs = dict(zip(spans, zip(numbers[::2], numbers[1::2], strict=True), strict=True))
        judgements.append(
            {
                "gold": [pairs.get(span) for span in sentence.spans or ()],
                "found": [[*span, *pairs[span]] for span in found],
            }
        )
    return judgements


def _from_json(facts: Mapping[str, Any]) -> Judgement:
    gold = [None if pair is None else Posterior(*pair) for pair in facts["gold"]]
    found = {Span(a, b, label): Posterior(*pair) for a, b, label, *pair in facts["found"]}
    return Judgement(gold, found)


def _report(
    sentences: Sequence[Sentence],
    judged: Sequence[Sequence[Judgement | None]],
    scores: Sequence[float],
    format_: str | None,
) -> SuspectReport:
    """Average over rounds, rank and weigh."""
    means: list[Judgement | None] = []
    weights: list[float] = []
    for sentence, column in zip(sentences, zip(*judged, strict=True), strict=True):
        each = [judgement for judgement in column if judgement is not None]
        means.append(Judgement.mean(each) if each else None)
        disagreeing = sum(judgement.found.keys() != {*(sentence.spans or ())} for judgement in each)
        weights.append(DISAGREEMENT**disagreeing)
    posteriors = [posterior for mean in means if mean for posterior in mean.gold]
    unknown = sum(posterior is None for posterior in posteriors)
    suspects = [suspect for suspect in rank_suspects(sentences, means) if suspect.log_odds > 0]
    return SuspectReport(
        suspects, sentences, weights, format_, len(posteriors) - unknown, unknown, tuple(scores)
    )
