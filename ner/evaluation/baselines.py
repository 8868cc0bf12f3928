"""The baselines that any model has to beat: the training data, learnt by heart."""

from collections import Counter, defaultdict
from collections.abc import Iterable

from ner.data.schemes import Span
from ner.data.sentence import PredictedSentence, Prediction, Sentence


class NameDictionary:
    """The names of a training split, each with its most frequent label.

    Of labels that are equally frequent the first in the alphabet wins.

    >>> names = NameDictionary([Sentence(["Ada", "Byron"], spans=[Span(0, 2, "PER")])])
    >>> names.tag(Sentence(["So", "Ada", "Byron", "wrote"])).entities
    (PredictedEntity(text='Ada Byron', label='PER', start=3, end=12, score=1.0),)
    """

    def __init__(self, train: Iterable[Sentence]) -> None:
        labels: defaultdict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
        for sentence in train:
            for start, end, label in sentence.spans or ():
                labels[tuple(sentence.tokens[start:end])][label] += 1
        self._names: dict[tuple[str, ...], tuple[str, float]] = {}
        # The length of the longest name that begins with a token: how far `tag` has to look.
        self._longest: dict[str, int] = {}
        for name, counts in labels.items():
            label = _most_frequent(counts)
            self._names[name] = label, counts[label] / counts.total()
            self._longest[name[0]] = max(len(name), self._longest.get(name[0], 0))

    def __len__(self) -> int:
        """Count the different names."""
        return len(self._names)

    def tag(self, sentence: Sentence) -> PredictedSentence:
        """Add the names found from left to right, at each token the longest one, as prediction.

        The score of a span is the share of its label among the training spans of the same tokens.
        """
        spans: list[Span] = []
        scores: list[float] = []
        tokens = tuple(sentence.tokens)
        start = 0
        while start < len(tokens):
            end = min(start + self._longest.get(tokens[start], 0), len(tokens))
            while end > start and tokens[start:end] not in self._names:
                end -= 1
            if end > start:
                label, share = self._names[tokens[start:end]]
                spans.append(Span(start, end, label))
                scores.append(share)
            start = max(end, start + 1)
        return sentence.predicted(Prediction(tuple(spans), tuple(scores)))


class LabelDictionary:
    """The words of a training split, each with its most frequent label.

    A word that training never saw gets the label that is the most frequent of all. Of labels that
    are equally frequent the first in the alphabet wins.
    """

    def __init__(self, train: Iterable[Sentence], column: str) -> None:
        counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for sentence in train:
            for token, label in zip(sentence.tokens, sentence.columns[column], strict=True):
                counts[token][label] += 1
        self.column = column
        self._labels = {token: _most_frequent(labels) for token, labels in counts.items()}
        totals: Counter[str] = Counter()
        for labels in counts.values():
            totals.update(labels)
        self._other = _most_frequent(totals)

    def tag(self, sentence: Sentence) -> PredictedSentence:
        """Label each token."""
        labels = tuple(self._labels.get(token, self._other) for token in sentence.tokens)
        return sentence.predicted(Prediction(columns={self.column: labels}))


class CommonClass:
    """The most frequent label of training sentences, whatever the sentence."""

    def __init__(self, train: Iterable[Sentence]) -> None:
        counts = Counter(label for sentence in train for label in sentence.labels or ())
        self._labels = (_most_frequent(counts),) if counts else ()

    def tag(self, sentence: Sentence) -> PredictedSentence:
        """Label a sentence."""
        return sentence.predicted(Prediction(labels=self._labels))


def _most_frequent(counts: Counter[str]) -> str:
    return min(counts, key=lambda label: (-counts[label], label))
