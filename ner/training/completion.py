"""Annotation that lacks some types, completed by an older model, or opened where it is unknown.

An older model knows the types that new sentences do not mark. Each sentence gets several results of
that model, drawn by their exact probabilities: a model that learns from them reaches, on average,
the same probabilities, so that it keeps what the older model is sure of and how unsure it is.

Source: Monaikul et al., "Continual Learning for Named Entity Recognition", AAAI 2021, where the
older model teaches probabilities of single tokens. Here it teaches those of whole sentences, by
draws, and never contradicts the new entities.
"""

from collections.abc import Sequence

import numpy as np

from ner.crf.forward_backward import Scores
from ner.data.schemes import tag_set, tags_from_spans
from ner.data.sentence import Sentence
from ner.inference.tagger import Tagger


def completed(
    model: Tagger, sentences: Sequence[Sentence], *, draws: int | None = None, seed: int = 0
) -> list[Sentence]:
    """Add spans of a model to sentences, beside the spans that they have.

    Args:
        model: Knows the types that the sentences do not mark.
        sentences: Their `spans` stay. Those that are added touch none of them.
        draws: How many copies of each sentence to return, each with spans that are drawn by their
            probability; None for one with the best spans.
        seed: Random seed of the draws.
    """
    outside = [outside_of(sentence, model.task.tags) for sentence in sentences]
    found = model.taggings(sentences, outside, draws=draws, seed=seed)
    return [
        sentence.replace(spans=sorted([*spans, *(sentence.spans or ())]))
        for sentence, results in zip(sentences, found, strict=True)
        for spans in results
    ]


def outside_of(sentence: Sentence, tags: Sequence[str]) -> Scores:
    """Return log weights of tags (T C) that allow O alone at the tokens of spans."""
    weights = np.zeros((len(sentence), len(tags)), dtype=np.float32)
    for start, end, _ in sentence.spans or ():
        weights[start:end] = [0.0 if tag == "O" else -np.inf for tag in tags]
    return weights


def opened(sentence: Sentence, types: Sequence[str]) -> Sentence:
    """Return a sentence in which each token outside of spans may be in a span of some types."""
    tags = tags_from_spans(sentence.spans or (), len(sentence), "BIOES")
    unknown = tuple(tag_set(types, "BIOES"))
    allowed = [unknown if tag == "O" else (tag,) for tag in tags]
    return sentence.replace(spans=None, allowed=allowed)
