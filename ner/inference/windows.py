"""Windows of a stream of sentences: what is read ahead, and tagged together."""

from collections.abc import Iterable, Iterator, Sequence
from operator import itemgetter
from typing import Protocol

from ner.data.sentence import PredictedSentence, Sentence
from ner.features.document_context import windows_with_context
from ner.features.document_evidence import DocumentNetwork
from ner.features.featurizer import Featurizer
from ner.inference.second_pass import windows_of_documents
from ner.inference.started import Start, Started


class Reader(Protocol):
    """A network that may look beyond the sentence."""

    @property
    def featurizer(self) -> Featurizer:
        """What turns its sentences into arrays."""
        ...

    @property
    def documents(self) -> DocumentNetwork | None:
        """What corrects its scores by evidence from the document."""
        ...


def start_windows(
    sentences: Iterator[Sentence], start: Start, window: int, readers: Sequence[Reader]
) -> Iterator[Started[list[PredictedSentence]]]:
    """Start with each window of a stream of sentences.

    Args:
        sentences: The stream.
        start: Starts to tag a window.
        window: Sentences of a window; where a network uses documents, these are whole in it.
        readers: The networks that read the sentences.
    """
    if any(reader.documents is not None for reader in readers):
        yield from map(start, windows_of_documents(sentences, window))
        return
    for ahead, places in windows_with_context(sentences, window, reach_of(readers)):
        yield start(ahead).then(itemgetter(slice(places.start, places.stop)))


def reach_of(readers: Sequence[Reader]) -> int:
    """Return how many words of the document on either side of a sentence the networks read."""
    every = (reader.featurizer.subwords for reader in readers)
    return max(0 if subwords is None else subwords.context for subwords in every)


def as_sentences(items: Iterable[Sentence]) -> list[Sentence]:
    """Return sentences as a list.

    Raises:
        TypeError: There is something else among them.
    """
    sentences = list(items)
    for item in sentences:
        if not isinstance(item, Sentence):
            raise TypeError(
                f"sentences: must be a list of Sentence. Got {type(item).__name__}. "
                "For raw texts call pipe()."
            )
    return sentences
