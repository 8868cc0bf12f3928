"""flair as a contender of the benchmark: its sequence tagger, trained from scratch."""

import importlib
import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from contenders import Stepwise
from torch import nn

from ner.data.schemes import Span
from ner.data.sentence import Sentence

BATCH_SIZE = 32


class Flair(Stepwise):
    """flair: word embeddings of 100, its character LSTM, one BiLSTM layer of 100, CRF.

    Everything else has its default: a character LSTM of 25 per direction, dropout, SGD at 0.1,
    clipped gradients. Its own trainer evaluates after each epoch, so its steps are written again
    here. Its dictionary of characters would be a download; here, both dictionaries come from the
    training set. Words seen once are left out, so that it learns a vector of unknown words.
    """

    name = "flair"
    taggers: ClassVar = {"flair": "peer_flair:FlairTagger"}
    size = None

    def __init__(self, train: Sequence[Sentence]) -> None:
        import_flair()
        torch.manual_seed(1)
        dictionary = importlib.import_module("flair.data").Dictionary
        labels = dictionary(add_unk=False)
        labels.span_labels = True
        for label in sorted({span.label for s in train for span in s.spans or ()}):
            labels.add_item(label)
        models = importlib.import_module("flair.models")
        self.model = models.SequenceTagger(
            embeddings(train, dictionary()), labels, tag_type="ner", hidden_size=100
        )
        self.examples = [annotated(s) for s in train]
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.1)
        self.forget = importlib.import_module("flair.training_utils").store_embeddings
        self.steps = self._steps()
        self.steps_of_epoch = -(-len(train) // BATCH_SIZE)

    def save(self, folder: Path) -> None:
        """Write the model."""
        folder.mkdir(parents=True, exist_ok=True)
        self.model.save(folder / "model.pt")

    def _steps(self) -> Iterator[int]:
        random = np.random.default_rng(1)
        self.model.train()
        while True:
            order = random.permutation(len(self.examples))
            for start in range(0, len(order), BATCH_SIZE):
                batch = [self.examples[i] for i in order[start : start + BATCH_SIZE]]
                self.optimizer.zero_grad()
                loss, tokens = self.model.forward_loss(batch)
                loss.item()  # its own trainer logs the sum of losses
                loss.backward()
                self.forget(batch, "none")
                nn.utils.clip_grad_norm_(self.model.parameters(), 5.0)
                self.optimizer.step()
                yield tokens


class FlairTagger:
    """A trained sequence tagger of flair. Its `predict` sorts sentences, so it gets all at once."""

    def __init__(self, folder: Path) -> None:
        import_flair()
        models = importlib.import_module("flair.models")
        self.model = models.SequenceTagger.load(str(folder / "model.pt"))

    def tag(self, sentences: Sequence[Sentence]) -> list[Any]:
        """Tag many sentences."""
        wrapped = [flair_sentence(s.tokens) for s in sentences]
        self.model.predict(wrapped, mini_batch_size=BATCH_SIZE)
        return wrapped

    def tag_tokens(self, tokens: Sequence[str]) -> Any:
        """Tag one sentence."""
        sentence = flair_sentence(tokens)
        self.model.predict(sentence)
        return sentence

    def spans(self, tagged: Sequence[Any]) -> list[list[Span]]:
        """Convert the result of `tag` to spans."""
        return [
            [Span(e[0].idx - 1, e[-1].idx, e.get_label("ner").value) for e in s.get_spans("ner")]
            for s in tagged
        ]


def import_flair() -> None:
    """Import flair, and silence its log, which would go to the standard output of the benchmark."""
    flair: Any = importlib.import_module("flair")
    flair.device = torch.device("cpu")
    logging.getLogger("flair").setLevel(logging.WARNING)


def embeddings(train: Sequence[Sentence], chars: Any) -> Any:
    """Build embeddings of words and characters from scratch, with random vectors for words.

    Without pretrained vectors, flair would start those of words at zero.
    """
    library = importlib.import_module("flair.embeddings")
    counts = Counter(token for s in train for token in s.tokens)
    for char in sorted({char for token in counts for char in token}):
        chars.add_item(char)
    known = [word for word, count in counts.items() if count > 1]
    words = library.WordEmbeddings(
        None,
        vocab={word: i for i, word in enumerate(known)},
        embedding_length=100,
        fine_tune=True,
        name="words",
    )
    # As in flair's own trainable embeddings of words (`OneHotEmbeddings`).
    nn.init.xavier_uniform_(words.embedding.weight)
    return library.StackedEmbeddings([words, library.CharacterEmbeddings(chars)])


def flair_sentence(tokens: Sequence[str]) -> Any:
    """Wrap tokens without flair's own tokenizer."""
    data = importlib.import_module("flair.data")
    return data.Sentence(list(tokens), use_tokenizer=False)


def annotated(sentence: Sentence) -> Any:
    """Wrap tokens and their spans."""
    wrapped = flair_sentence(sentence.tokens)
    for start, end, label in sentence.spans or ():
        wrapped[start:end].add_label("ner", label)
    return wrapped
