"""Check what any model of this package promises, on any sentences.

    nothing lost    as many results as inputs, in their order, of any length, also of empty ones
    company         a result does not depend on the other sentences of a batch, nor on padding
    offsets         `text[start:end]` is the token, and the entity
    legal           predicted spans do not overlap, have known labels, and can be written as tags
    probabilities   numbers from 0 to 1; those of short sentences equal sums over all paths
    repeatable      the same sentences have the same results, bit for bit, also after loading again
    runtimes equal  ONNX Runtime and torch give the same results

The checks are in the spirit of scikit-learn's `check_estimator`.
"""

import importlib.util
import itertools
import math
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ner.crf.forward_backward import Edges
from ner.data.schemes import Scheme, legal_steps, spans_from_tags, tags_from_spans
from ner.data.sentence import PredictedSentence, Prediction, Sentence
from ner.display import one_line
from ner.ensemble_folder import load_folder, networks_of
from ner.evaluation.calibration import label_probabilities
from ner.features.arrays import OutputArrays
from ner.features.made_up import make_sentences
from ner.inference.loading import load
from ner.inference.predictor import Predictor
from ner.messages import Notify
from ner.model_folder import MODEL_GRAPH
from ner.tasks.base import free_edges

__all__ = ["Check", "ModelChecks", "check_model", "run_checks"]


# Paths of tags (N T), and the probability of each (N).
Paths = NDArray[np.int64]
Shares = NDArray[np.float64]

# Of scores and probabilities. Adding the same numbers in another order changes a score by about a
# tenth of it.
TOLERANCE = 1e-4

# Sentences that are made up, and the length of one that goes through the network in pieces.
NUM_SENTENCES, LONG = 40, 3000

# Two paths whose probabilities differ by less are equally good.
TINY = 1e-12

# Paths of a short sentence at most that are summed one by one.
MOST_PATHS = 20_000

# Texts beside those of the sentences; the last ones have no tokens.
TEXTS = ("Ada met Bob in New  York.", "naïve café 🙂 — “quoted”", "a\nb\tc", "中文 text", "", " \n")

# Taggings of a short sentence whose probabilities are compared, the best first.
BEST = 20


@dataclass(frozen=True)
class Check:
    """What one check found.

    Args:
        name: The property, such as "company".
        holds: Whether it holds; None where it cannot be checked.
        found: What was found, with numbers, or why nothing can be.
        margin: The largest difference of a score or a probability that was measured.
    """

    name: str
    holds: bool | None
    found: str
    margin: float = 0.0

    def __str__(self) -> str:
        word = {True: "holds", False: "FAILS", None: "-"}[self.holds]
        return f"{word:6} {self.name:15} {self.found}"


@dataclass(frozen=True)
class ModelChecks:
    """What all checks of a model found.

    Args:
        checks: One for each property.
    """

    checks: tuple[Check, ...]

    @property
    def failures(self) -> tuple[Check, ...]:
        """The checks that failed."""
        return tuple(check for check in self.checks if check.holds is False)

    def __str__(self) -> str:
        return "\n".join(map(str, self.checks))


def check_model(
    model: Predictor | str | Path,
    sentences: Sequence[Sentence] | None = None,
    *,
    notify: Notify = print,
) -> ModelChecks:
    """Check everything that a model promises, and print a line for each property.

    Args:
        model: The model, or its folder.
        sentences: Sentences to check on, such as development data. By default some are made up of
            words that the model knows and others.
        notify: Called with each line.

    Returns:
        What was found.

    Raises:
        AssertionError: A property does not hold. The message has a line for each that does not.
        ModelFolderError: The folder cannot be read.
    """
    found = run_checks(model, sentences, notify=notify)
    if found.failures:
        raise AssertionError("\n".join(map(str, found.failures)))
    return found


def run_checks(
    model: Predictor | str | Path,
    sentences: Sequence[Sentence] | None = None,
    *,
    notify: Notify = print,
) -> ModelChecks:
    """Do the same as `check_model`, but return failures instead of raising them."""
    predictor = model if isinstance(model, Predictor) else load(model)
    given = list(
        make_sentences(predictor.featurizer, NUM_SENTENCES) if sentences is None else sentences
    )
    checks: list[Check] = []
    for name, check in CHECKS.items():
        try:
            holds, found, margin = check(predictor, given)
        except Exception as error:  # a model of somebody else may raise anything
            holds, found, margin = False, f"{type(error).__name__}: {error}", 0.0
        checks.append(Check(name, None if holds is None else bool(holds), found, float(margin)))
        notify(one_line(str(checks[-1])))
    return ModelChecks(tuple(checks))


# Whether a property holds, in words, and the largest difference of a score or probability.
Finding = tuple[bool | None, str, float]


def _check_nothing_lost(model: Predictor, sentences: Sequence[Sentence]) -> Finding:
    longest = _repeated(sentences)
    given = [*sentences, *longest, Sentence([])]
    results = model.tag_sentences(given)
    streamed = list(model.pipe(iter(given), window=7))
    lost = [
        sentence
        for results in (results, streamed)
        for sentence, result in itertools.zip_longest(given, results)
        if result is None or sentence is None or not _is_whole(sentence, result)
    ]
    words = f"{len(lost)} of {2 * len(given)} results are missing, exchanged or incomplete"
    longest = max(map(len, given), default=0)
    return not lost, f"{words}; sentences of 0 to {longest} tokens", 0.0


def _check_company(model: Predictor, sentences: Sequence[Sentence]) -> Finding:
    # Sentences of a document are no company: a model may use them.
    sentences = [replace(sentence, document=None) for sentence in sentences]
    alone = [model.tag_sentences([sentence])[0] for sentence in sentences]
    raw = [_raw_scores(model, [sentence])[0] for sentence in sentences]
    changed, margin = 0, 0.0
    for order, batch_tokens in ((1, 1 << 20), (-1, 64), (1, 512)):
        together = model.tag_sentences(sentences[::order], batch_tokens=batch_tokens)[::order]
        others = _raw_scores(model, sentences[::order], batch_tokens)[::order]
        changed += _count_changed(model, alone, together)
        margin = max(margin, _largest_difference(raw, others))
    words = f"{changed} of {3 * _count_decisions(model, alone)} decisions differ between batches"
    return not changed and margin <= TOLERANCE, f"{words}; {_by(margin)}", margin


def _check_offsets(model: Predictor, sentences: Sequence[Sentence]) -> Finding:
    if model.featurizer.columns:
        names = ", ".join(model.featurizer.columns)
        return None, f"the model reads the columns {names}, so it takes no raw texts", 0.0
    texts = [*TEXTS, *(sentence.text for sentence in sentences)]
    results = list(model.pipe(texts))
    wrong = 0
    for text, result in zip(texts, results, strict=True):
        places = [
            (*place, token) for place, token in zip(result.offsets, result.tokens, strict=True)
        ]
        places += [(e.start, e.end, e.text) for e in result.entities or ()]
        ordered = [place for pair in result.offsets for place in pair]
        wrong += result.text != text or ordered != sorted(ordered)
        wrong += sum(text[start:end] != words for start, end, words in places)
    return not wrong, f"{wrong} tokens or entities of {len(texts)} texts are elsewhere", 0.0


def _check_legal(model: Predictor, sentences: Sequence[Sentence]) -> Finding:
    results = model.tag_sentences(sentences)
    wrong = sum(not _is_legal(model, result) for result in results)
    words = f"{wrong} of {len(results)} predictions have unknown labels or cannot be written"
    return not wrong, words, 0.0


def _check_probabilities(model: Predictor, sentences: Sequence[Sentence]) -> Finding:
    results = model.tag_sentences(sentences)
    shares = [share for result in results for share in _shares(result.prediction)]
    outside = sum(not 0 <= share <= 1 for share in shares)
    margin, compared = 0.0, 0
    for sentence in sentences:
        exact = _exact(model, sentence)
        if exact is not None:
            difference, count = exact
            margin, compared = max(margin, difference), compared + count
    words = (
        f"{outside} of {len(shares)} are not from 0 to 1; {compared} computed one by one, "
        f"{_by(margin, 'which differ')}"
    )
    return not outside and margin <= TOLERANCE, words, margin


def _check_repeatable(model: Predictor, sentences: Sequence[Sentence]) -> Finding:
    first = model.tag_sentences(sentences)
    others = [model.tag_sentences(sentences)]
    origin = model.origin
    if origin is not None:
        others.append(type(model).of(*origin.open()).tag_sentences(sentences))
    changed = sum(
        one.prediction != other.prediction
        for again in others
        for one, other in zip(first, again, strict=True)
    )
    loaded = "" if origin is None else ", and after loading again"
    return not changed, f"{changed} of {len(first)} results change when asked again{loaded}", 0.0


def _check_runtimes(model: Predictor, sentences: Sequence[Sentence]) -> Finding:
    origin = model.origin
    if origin is None:
        return None, "the model is in memory alone, with one runtime", 0.0
    networks = networks_of(load_folder(origin.folder, origin.build))
    if not all(MODEL_GRAPH in each.files for each in networks):
        return None, f"the model has no {MODEL_GRAPH}: write it with ner export", 0.0
    if importlib.util.find_spec("torch") is None:
        return None, "torch is not installed", 0.0
    onnx = load(origin.folder, runtime="onnx", threads=origin.threads)
    torch = load(origin.folder, runtime="torch", threads=origin.threads, build=origin.build)
    one, other = onnx.tag_sentences(sentences), torch.tag_sentences(sentences)
    changed = _count_changed(model, one, other)
    margin = _largest_difference(_raw_scores(onnx, sentences), _raw_scores(torch, sentences))
    words = f"{changed} of {_count_decisions(model, one)} decisions differ; {_by(margin)}"
    return not changed and margin <= TOLERANCE, words, margin


CHECKS: dict[str, Callable[[Predictor, Sequence[Sentence]], Finding]] = {
    "nothing lost": _check_nothing_lost,
    "company": _check_company,
    "offsets": _check_offsets,
    "legal": _check_legal,
    "probabilities": _check_probabilities,
    "repeatable": _check_repeatable,
    "runtimes equal": _check_runtimes,
}


def _by(margin: float, verb: str = "scores differ") -> str:
    return f"{verb} by {margin:.1e} at most"


def _repeated(sentences: Sequence[Sentence]) -> list[Sentence]:
    """Make a long sentence of the first that has tokens."""
    first = next((sentence for sentence in sentences if len(sentence)), None)
    if first is None:
        return []
    times = -(-LONG // len(first))
    columns = {name: tuple(values) * times for name, values in first.columns.items()}
    return [Sentence(tuple(first.tokens) * times, columns=columns)]


def _is_whole(sentence: Sentence, result: PredictedSentence) -> bool:
    """Whether a result belongs to a sentence and says something of each of its tokens."""
    labels = result.prediction.columns.values()
    return (
        result.tokens == sentence.tokens
        and result.text == sentence.text
        and all(len(column) == len(sentence) for column in labels)
        and all(len(row) == len(sentence) for row in result.prediction.attention)
    )


def _raw_scores(
    model: Predictor, sentences: Sequence[Sentence], batch_tokens: int = 2048
) -> list[NDArray[Any]]:
    """Return the scores of the network for each sentence: of tags (T C), or of classes (C)."""

    def take(outputs: OutputArrays, lengths: NDArray[np.int64]) -> list[NDArray[Any]]:
        if "emissions" not in outputs:
            return list(outputs["logits"])
        return [outputs["emissions"][b, :n] for b, n in enumerate(lengths.tolist())]

    return model.runner.run(sentences, take, np.zeros(0), batch_tokens)


def _largest_difference(one: Sequence[NDArray[Any]], other: Sequence[NDArray[Any]]) -> float:
    differences = (np.abs(a - b).max(initial=0) for a, b in zip(one, other, strict=True))
    return float(max(differences, default=0.0))


def _decisions(model: Predictor, result: PredictedSentence) -> Sequence[Hashable]:
    return model.task.decisions(result)


def _count_decisions(model: Predictor, results: Sequence[PredictedSentence]) -> int:
    return sum(len(_decisions(model, result)) for result in results)


def _count_changed(
    model: Predictor, one: Sequence[PredictedSentence], other: Sequence[PredictedSentence]
) -> int:
    return sum(
        a != b
        for first, second in zip(one, other, strict=True)
        for a, b in zip(_decisions(model, first), _decisions(model, second), strict=True)
    )


def _shares(prediction: Prediction) -> Iterator[float]:
    """Yield every probability of a prediction."""
    yield from prediction.scores
    yield from itertools.chain.from_iterable(prediction.column_scores.values())
    yield from prediction.probabilities.values()


def _scheme(model: Predictor) -> Scheme | None:
    """Return the scheme of the tags; None where labels have no prefixes."""
    return model.task.head_options.get("scheme")


def _is_legal(model: Predictor, result: PredictedSentence) -> bool:
    known, found, scheme = set(model.labels), result.prediction, _scheme(model)
    labels = [span.label for span in found.spans or ()]
    labels += itertools.chain(*found.columns.values(), found.labels or ())
    if not known.issuperset(labels) or len(set(found.labels or ())) < len(found.labels or ()):
        return False
    if scheme is None or found.spans is None:
        return True
    places = [place for span in found.spans for place in (span.start, span.end)]
    if places != sorted(places) or any(s.start >= s.end for s in found.spans):
        return False
    if places and not 0 <= places[0] <= places[-1] <= len(result):
        return False
    written = tags_from_spans(found.spans, len(result), scheme)
    return set(model.task.outputs).issuperset(written)


def _exact(model: Predictor, sentence: Sentence) -> tuple[float, int] | None:
    """Compare the probabilities of a sentence with sums over all of its paths.

    A long sentence is cut after its first tokens.

    Returns:
        The largest difference, 1 where another path is better; and how many probabilities
        were compared. None where the sentence has no tokens, or more paths than can be listed.
    """
    if not len(sentence):
        return None
    if not model.task.is_per_token:
        return _exact_classes(model, sentence)
    length = int(math.log(MOST_PATHS) / math.log(max(2, len(model.task.outputs))))
    length = min(len(sentence), length)
    if not length:
        return None
    columns = {name: values[:length] for name, values in sentence.columns.items()}
    short = Sentence(sentence.tokens[:length], columns=columns)
    found = model.tag_sentences([short])[0]
    paths, shares = _all_paths(model, _raw_scores(model, [short])[0])
    compare = _compare_columns if found.prediction.columns else _compare_spans
    return compare(model, found, paths, shares)


def _compare_columns(
    model: Predictor, found: PredictedSentence, paths: Paths, shares: Shares
) -> tuple[float, int]:
    """Compare the probabilities of the labels of tokens with sums over paths."""
    labels = np.array(model.task.outputs, dtype=object)[paths]
    (column,), (given,) = found.prediction.columns.values(), found.prediction.column_scores.values()
    exact = [shares[labels[:, t] == label].sum() for t, label in enumerate(column)]
    is_best = list(column) == labels[shares.argmax()].tolist()
    differences = [abs(a - b) for a, b in zip(given, exact, strict=True)]
    return max(differences) if is_best else 1.0, len(differences)


def _compare_spans(
    model: Predictor, found: PredictedSentence, paths: Paths, shares: Shares
) -> tuple[float, int]:
    """Compare the probabilities of spans, and of whole taggings, with sums over paths."""
    tags = model.task.outputs
    spans = [tuple(spans_from_tags([tags[tag] for tag in path])) for path in paths.tolist()]
    of_path = dict(zip(spans, shares.tolist(), strict=True))
    of_span: dict[Any, float] = {}
    for path, share in of_path.items():
        for span in path:
            of_span[span] = of_span.get(span, 0.0) + share
    # What has no legal path has the probability 0.
    differences = [0.0]
    for each in [found, *model.nbest(found, BEST)]:
        chosen = tuple(each.prediction.spans or ())
        if each.prediction.probability is not None:
            differences.append(abs(each.prediction.probability - of_path.get(chosen, 0.0)))
        scores = zip(chosen, each.prediction.scores, strict=True)
        differences += [abs(score - of_span.get(span, 0.0)) for span, score in scores]
    chosen = tuple(found.prediction.spans or ())
    is_best = max(of_path.values()) - of_path.get(chosen, 0.0) < TINY
    return max(differences) if is_best else 1.0, len(differences) - 1


def _exact_classes(model: Predictor, sentence: Sentence) -> tuple[float, int]:
    """Compare the probabilities of a text with those of the scores, and with their sum."""
    facts = model.task.to_dict()
    given = model.tag_sentences([sentence])[0].prediction.probabilities
    exact = label_probabilities(
        _raw_scores(model, [sentence])[0][None],
        temperature=facts["temperature"],
        multi_label=facts["multi_label"],
    )[0]
    differences = [
        abs(given[label] - share) for label, share in zip(model.labels, exact, strict=True)
    ]
    if not facts["multi_label"]:
        differences.append(abs(sum(given.values()) - 1))
    return max(differences), len(differences)


def _all_paths(model: Predictor, emissions: NDArray[Any]) -> tuple[Paths, Shares]:
    """List every legal path (N T) of a short sentence (T C), and the probability of each (N)."""
    length, count = emissions.shape
    paths = np.array(list(itertools.product(range(count), repeat=length)), dtype=np.int64)
    temperature = model.task.to_dict()["temperature"]
    edges = Edges(*(e / temperature for e in model.runner.edges or free_edges(count)))
    scheme = _scheme(model)
    if scheme is not None:
        legal = legal_steps(model.task.outputs, scheme)
        edges = Edges(*(np.where(*each, -np.inf) for each in zip(legal, edges, strict=True)))
    scores = edges.start[paths[:, 0]] + edges.end[paths[:, -1]]
    emissions = emissions.astype(np.float64) / temperature
    scores += emissions[np.arange(length), paths].sum(axis=1)
    scores += edges.transitions[paths[:, :-1], paths[:, 1:]].sum(axis=1)
    paths, scores = paths[scores > -np.inf], scores[scores > -np.inf]
    shares = np.exp(scores - scores.max())
    return paths, shares / shares.sum()
