"""Figures of the English model on held-out sentences, as they are written and changed."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from open_corpora import Split

from ner import Sentence
from ner.data.schemes import Span
from ner.evaluation.calibration import calibration_error
from ner.evaluation.span_metrics import f1
from ner.features.distinct_words import capitalized
from ner.inference.predictor import Predictor

FINAL = (".", "!", "?")
QUOTES = str.maketrans({"'": "’", '"': "”", "`": "‘"})
OPENING = {'"': "“", "``": "“", "''": "”", "'": "‘"}


def respelled(sentence: Sentence, spell: Callable[[str], str]) -> Sentence:
    """Return a sentence with the same entities and other spellings of its tokens."""
    return Sentence([spell(token) for token in sentence.tokens], spans=sentence.spans)


def without_final_stop(sentence: Sentence) -> Sentence:
    """Leave out the last token if it ends the sentence, and is not all of it."""
    tokens, spans = sentence.tokens, sentence.spans or ()
    inside = any(span.end == len(tokens) for span in spans)
    if len(tokens) < 2 or tokens[-1] not in FINAL or inside:
        return sentence
    return Sentence(tokens[:-1], spans=spans)


def typographic(sentence: Sentence) -> Sentence:
    """Write typographic quotes and apostrophes; of two equal marks, the second one closes."""
    is_open: dict[str, bool] = {}
    tokens: list[str] = []
    for token in sentence.tokens:
        if token in OPENING:
            is_open[token] = not is_open.get(token, False)
            tokens.append(OPENING[token] if is_open[token] else token.translate(QUOTES))
        else:
            tokens.append(token.translate(QUOTES))
    return Sentence(tokens, spans=sentence.spans)


def headline(sentence: Sentence) -> Sentence:
    """Capitalize each word, and leave out the final stop."""
    return without_final_stop(respelled(sentence, capitalized))


# Changes that leave the entities of a sentence as they are.
CHANGES: Mapping[str, Callable[[Sentence], Sentence]] = {
    "as written": lambda sentence: sentence,
    "lower-cased": lambda sentence: respelled(sentence, str.lower),
    "upper-cased": lambda sentence: respelled(sentence, str.upper),
    "without final stop": without_final_stop,
    "typographic quotes": typographic,
    "headlines": headline,
}


def score(model: Predictor, sentences: Sequence[Sentence], labels: frozenset[str]) -> float:
    """Compute F1 over the entities of some labels, in percent."""
    found = model.tag_sentences(sentences)
    predicted = [[s for s in x.prediction.spans or () if s.label in labels] for x in found]
    return 100 * f1([tuple(map(Span._make, x.spans or ())) for x in sentences], predicted)


def confidence(model: Predictor, splits: Sequence[Split]) -> tuple[np.ndarray, np.ndarray]:
    """Return the score of each predicted entity, and whether it is right, over all corpora."""
    scores: list[float] = []
    right: list[bool] = []
    for split in splits:
        for gold, found in zip(split.held_out, model.tag_sentences(split.held_out), strict=True):
            spans = set(gold.spans or ())
            pairs = zip(found.prediction.spans or (), found.prediction.scores, strict=True)
            kept = [(s, p) for s, p in pairs if s.label in split.corpus.certain]
            scores += [p for _, p in kept]
            right += [span in spans for span, _ in kept]
    return np.array(scores), np.array(right)


def figures(model: Predictor, splits: Sequence[Split]) -> dict[str, Any]:
    """Measure a model on the held-out sentences of each corpus.

    Returns:
        `f1` by corpus and change in percent; `ece`, the expected calibration error of the
        probabilities of entities, from 0 to 1; `entities`, their number.
    """
    scores = {
        split.corpus.name: {
            name: round(score(model, list(map(change, split.held_out)), split.corpus.certain), 2)
            for name, change in CHANGES.items()
        }
        for split in splits
        if split.held_out
    }
    shares, right = confidence(model, splits)
    ece = round(float(calibration_error(shares, right)), 4)
    return {"f1": scores, "ece": ece, "entities": len(shares)}
