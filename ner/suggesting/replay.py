"""Replays an annotated corpus as the person who annotates, to tell what each way to choose saves.

Each round trains a model from scratch on what is annotated so far, and chooses more texts of the
corpus with it. The first texts are random, and the same for all ways.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ner.choices import SuggestBy
from ner.config.loading import Config, read_config
from ner.data.formats.read import CorpusSource, file_digest
from ner.data.sentence import Sentence
from ner.errors import ConfigError, TaskError
from ner.files import write_json
from ner.messages import Notify, tell
from ner.plots import replay_plot
from ner.suggesting.choosing import Budget, choose
from ner.suggesting.replay_result import Replay, ReplayPoint
from ner.suggesting.values import Candidate, judge, unjudged
from ner.tasks import TASKS
from ner.training.data_curve import nested_sample
from ner.training.kept_results import KeptResults, training_key
from ner.training.run_folder import run_name
from ner.training.splits import read_corpus
from ner.training.train import Settings, run_training

REPLAY, PICTURE = "replay.json", "replay.png"
# What makes a text valuable in each way to choose, and whether the choice is diverse.
WAYS: Mapping[str, tuple[SuggestBy, bool]] = {
    "random": ("random", False),
    "entropy": ("entropy", False),
    "entropy-diverse": ("entropy", True),
    "margin": ("margin", False),
    "margin-diverse": ("margin", True),
}
STRATEGIES = ("random", "entropy", "entropy-diverse")
TOKENS = (1000, 1500, 2000, 3000, 4000, 6000, 8000, 12000, 16000)
# Epochs are chosen on so many development sentences; all of them would take longer than training.
# Scores are those on all of them.
DEV_SENTENCES, DEV_SEED = 300, 7


def replay(
    config: str | Path | Config | None = None,
    *,
    by: Sequence[str] = STRATEGIES,
    tokens: Sequence[int] = TOKENS,
    seeds: int = 1,
    out: str | Path | None = None,
    set: Settings | None = None,
    sources: Mapping[str, CorpusSource] | None = None,
    notify: Notify = tell,
) -> Replay:
    """Replay an annotated corpus as the person who annotates what a model asks for.

    Args:
        config: The settings, as for `ner.train`; the training data are replayed.
        by: The ways to choose.
        tokens: Numbers of annotated tokens at which a model is trained and scored on the
            development data. The first ones are chosen at random. Numbers that are larger than the
            corpus are left out.
        seeds: How often all is done. The seeds count from the configured one.
        out: The folder of the result; by default `runs/NAME-replay`. It keeps what finished
            trainings found, so that the same call goes on where it stopped.
        set: Settings by dotted keys, which win.
        sources: Splits in memory, by name.
        notify: Called with a line for everything that a user should know.

    Raises:
        ConfigError: A setting or a number is wrong.
        DataError: The corpus cannot be read.
        TaskError: The corpus has no labelled spans.
    """
    strategies = [name for name in WAYS if name in by]
    if unknown := [name for name in by if name not in strategies]:
        raise ConfigError(f"--by: must be one of {', '.join(WAYS)}. Got {unknown[0]!r}.")
    sizes = sorted({*tokens})
    if seeds < 1 or not sizes or sizes[0] < 1:
        raise ConfigError(f"--tokens, --seeds: must be at least 1. Got {list(tokens)}, {seeds}.")
    chosen = read_config(config, set).updated({"data.test": "", "training.export": False})
    if not TASKS[chosen.task].finds_spans:
        raise TaskError(f"replay: needs a corpus of labelled spans. Got the task {chosen.task}.")
    splits = {name: source for name, source in (sources or {}).items() if name != "test"}
    corpus = read_corpus(chosen, splits, notify)
    pool = list(corpus.train)
    total = sum(map(len, pool))
    if sizes[0] > total:
        raise ConfigError(f"--tokens: must be at most those of the corpus, {total}. Got {sizes}.")
    if sizes[-1] > total:
        notify(f"--tokens: the corpus has {total:,}; larger numbers are left out.")
        sizes = [size for size in sizes if size <= total]
    folder = Path(out) if out is not None else Path("runs", f"{run_name(config)}-replay")
    points: list[ReplayPoint] = []
    with KeptResults.open(folder) as kept:
        for seed in range(chosen.seed, chosen.seed + seeds):
            person = _Replayer(chosen.updated({"seed": seed}), pool, list(corpus.dev), kept)
            for strategy in strategies:
                points += person.replay(strategy, sizes, notify)
        found = Replay(tuple(points))
        write_json(folder / REPLAY, found.to_dict())
        replay_plot(found.to_dict(), folder / PICTURE)
    return found


class _Replayer:
    """Replays a corpus with one seed.

    Args:
        config: The settings.
        pool: The corpus that is replayed.
        dev: The sentences on which models are scored.
        kept: Keeps what finished trainings found.
    """

    def __init__(
        self, config: Config, pool: Sequence[Sentence], dev: Sequence[Sentence], kept: KeptResults
    ) -> None:
        self.config, self.pool, self.dev, self.kept = config, pool, dev, kept
        sample = nested_sample(len(dev), DEV_SENTENCES, DEV_SEED)
        self.splits = {"dev": [dev[i] for i in sample], "test": dev}

    def replay(self, strategy: str, sizes: Sequence[int], notify: Notify) -> list[ReplayPoint]:
        """Annotate, train and score with one way to choose; return a point for each size."""
        points: list[ReplayPoint] = []
        chosen = self._choose(unjudged(self.pool), [], sizes[0], is_diverse=False)
        for size, following in zip(sizes, [*sizes[1:], None], strict=True):
            count = self._tokens(chosen)
            seed = self.config.seed
            notify(f"{strategy}, seed {seed}: {len(chosen):,} texts, {count:,} tokens.")
            found = self._train(strategy, chosen, following)
            points.append(ReplayPoint(strategy, seed, size, count, len(chosen), found["score"]))
            chosen += found["next"]
        return points

    def _train(self, strategy: str, chosen: Sequence[int], following: int | None) -> dict[str, Any]:
        """Train on what is annotated; return the score, and what to annotate next."""
        train = [self.pool[i] for i in chosen]
        by, is_diverse = WAYS[strategy]

        def run(folder: Path, resume: bool) -> dict[str, Any]:
            splits = {"train": train, **self.splits}
            result = run_training(
                self.config, out=folder, sources=splits, resume=resume, progress=False
            )
            score = result.reports["test"].score
            if following is None:
                return {"score": score, "next": []}
            is_random = by == "random"
            model = result.predictor
            judged = unjudged(self.pool) if is_random else judge(model, self.pool, by)
            more = self._choose(judged, chosen, following, is_diverse=is_diverse)
            return {"score": score, "next": more}

        key = training_key(self.config, train, self.dev, None)
        more = {"pool": file_digest(self.pool), "by": strategy, "following": following}
        return self.kept.get(key | more, run)

    def _choose(
        self, judged: Sequence[Candidate], chosen: Sequence[int], size: int, *, is_diverse: bool
    ) -> list[int]:
        """Choose more texts, up to a number of annotated tokens."""
        annotated = [self.pool[i] for i in chosen]
        budget = Budget(tokens=max(1, size - self._tokens(chosen)))
        seed = self.config.seed
        found = choose(judged, budget, annotated=annotated, is_diverse=is_diverse, seed=seed)
        return list(found.places)

    def _tokens(self, chosen: Sequence[int]) -> int:
        return sum(len(self.pool[i]) for i in chosen)
