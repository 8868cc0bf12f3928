"""Suggests texts that a person should annotate next."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ner.choices import SuggestBy
from ner.data.formats.options import ReadOptions
from ner.data.formats.read import CorpusSource, read_sentences
from ner.data.sentence import PredictedSentence, Sentence
from ner.data.sentence_splitter import FindStarts, cut_sentence
from ner.errors import ConfigError
from ner.inference.predictor import Predictor
from ner.inference.reading import options_for
from ner.messages import Notify, tell
from ner.suggesting.choosing import Budget, choose
from ner.suggesting.values import judge

# Texts that are suggested unless somebody says otherwise.
NUMBER = 100


@dataclass(frozen=True)
class Suggestions:
    """Texts to annotate, and what they were chosen from.

    Args:
        sentences: The texts with what the model predicts, most valuable first.
        uncertainty: How unsure the model is of each text: the entropy of its tags in nats, or 1
            minus the margin; 0 if the choice was random.
        pool: How many texts they were chosen from.
        mean_uncertainty: How unsure the model is of a text of the pool, on average.
        annotated: How many texts of the pool are in the training data.
        similar: How many texts were left out because they equal, or nearly equal, another one.
    """

    sentences: Sequence[PredictedSentence]
    uncertainty: Sequence[float]
    pool: int
    mean_uncertainty: float
    annotated: int
    similar: int

    def __len__(self) -> int:
        return len(self.sentences)

    def __iter__(self) -> Iterator[PredictedSentence]:
        return iter(self.sentences)

    @property
    def tokens(self) -> int:
        """How many tokens the texts have."""
        return sum(map(len, self.sentences))

    @cached_property
    def labels(self) -> Counter[str]:
        """How many entities of each label the model sees in the texts."""
        return Counter(e.label for sentence in self.sentences for e in sentence.entities)

    def to_dict(self) -> dict[str, Any]:
        """Return all numbers, as JSON can hold them."""
        return {
            "texts": len(self),
            "tokens": self.tokens,
            "uncertainty": list(self.uncertainty),
            "mean_uncertainty": self.mean_uncertainty,
            "pool": self.pool,
            "annotated": self.annotated,
            "similar": self.similar,
            "labels": dict(self.labels),
        }


def suggest(
    model: Predictor,
    pool: Iterable[str | Sentence],
    n: int | None = None,
    *,
    tokens: int | None = None,
    by: SuggestBy = "entropy",
    train: CorpusSource | None = None,
    diverse: bool = True,
    split: FindStarts | None = None,
    seed: int = 1,
    notify: Notify = tell,
) -> Suggestions:
    """Choose texts of a pool that a person should annotate, so that the model learns most by them.

    A text is worth the uncertainty of the model, for each token that a person has to read, and for
    eight more that it takes to open a text. The choice is greedy.

    Args:
        model: The tagger that is to become better.
        pool: Texts (str) or sentences, without annotation; all are held in memory.
        n: Number of texts; 100 if neither this nor `tokens` is set.
        tokens: Number of tokens of all chosen texts, at most.
        by: `entropy`, the exact entropy of the sequence of tags; `margin`, 1 minus the difference
            between the probabilities of the two best sequences; or `random`.
        train: What is annotated already, as for `ner.train`. No text of it is chosen.
        diverse: Whether to leave out texts that nearly equal another one, to lower the value of
            words and documents that are chosen already, and to give a part of the budget to texts
            with each label. It does nothing where the choice is random.
        split: Finds the sentences of a text, such as a `ner.SentenceSplitter`: each is a text of
            the pool then.
        seed: Random seed: it decides between texts of equal value, and all of a random choice.
        notify: Called with a line for everything that a user should know. By default, it is logged.

    Raises:
        ConfigError: A number is not positive.
        DataError: The training data cannot be read.
        TaskError: The model is no `Tagger`.
    """
    for name, value in (("n", n), ("tokens", tokens)):
        if value is not None and value < 1:
            raise ConfigError(f"{name}: must be at least 1. Got {value}.")
    if isinstance(pool, str):
        raise TypeError("pool: must be many texts. Got one.")
    read = [item if isinstance(item, Sentence) else model.read(item) for item in pool]
    texts = [part for text in read for part in _parts(text, split)]
    annotated: Sequence[Sentence] = ()
    if train is not None:
        options = options_for(model, train, ReadOptions(), split="train", notify=notify)
        annotated = read_sentences(train, options)
    budget = Budget(NUMBER if n is None and tokens is None else n, tokens)
    candidates = judge(model, texts, by)
    is_diverse = diverse and by != "random"
    found = choose(candidates, budget, annotated=annotated, is_diverse=is_diverse, seed=seed)
    chosen = [candidates[i] for i in found.places]
    return Suggestions(
        tuple(candidate.sentence for candidate in chosen),
        tuple(candidate.uncertainty for candidate in chosen),
        len(texts),
        sum(candidate.uncertainty for candidate in candidates) / max(1, len(candidates)),
        found.annotated,
        found.similar,
    )


def _parts(text: Sentence, split: FindStarts | None) -> Sequence[Sentence]:
    """Return the sentences of a text without annotation, or the text itself."""
    bare = text.replace(spans=None, allowed=None, labels=None)
    return [bare] if split is None else cut_sentence(bare, split(bare.text))
