"""stanza as a contender of the benchmark: its entity tagger, trained from scratch."""

import importlib
import logging
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import torch
from contenders import Stepwise, TagReader

from ner.data.schemes import tags_from_spans
from ner.data.sentence import Sentence

BATCH_SIZE = 32
# Options of its own command line: no pretrained vectors, 100 per direction.
ARGUMENTS = ("--no_pretrain", "--hidden_dim", "100", "--shorthand", "en_benchmark", "--cpu")


class Stanza(Stepwise):
    """stanza: word embeddings of 100, its character LSTM, one BiLSTM layer of 100, CRF.

    Everything else has its default: a character LSTM of 100 per direction, dropout, SGD at 0.1,
    clipped gradients. Without pretrained vectors, those of all words of the training set start at
    zero and are learnt; those of unknown words stay zero.
    """

    name = "stanza"
    taggers: ClassVar = {"stanza": "peer_stanza:StanzaTagger"}
    size = None

    def __init__(self, train: Sequence[Sentence]) -> None:
        arguments = importlib.import_module("stanza.models.ner_tagger").parse_args(ARGUMENTS)
        quiet()
        torch.manual_seed(1)
        random.seed(1)  # shuffles its batches
        document = stanza_document(
            [s.tokens for s in train],
            # It converts BIO to BIOES by itself.
            [tags_from_spans(s.spans or (), len(s), "BIO") for s in train],
        )
        loader = importlib.import_module("stanza.models.ner.data").DataLoader
        self.batches = loader(document, BATCH_SIZE, arguments)
        trainer = importlib.import_module("stanza.models.ner.trainer").Trainer
        self.trainer = trainer(arguments, self.batches.vocab, device="cpu")
        self.steps = self._steps()
        self.steps_of_epoch = len(self.batches)

    def save(self, folder: Path) -> None:
        """Write the model."""
        folder.mkdir(parents=True, exist_ok=True)
        self.trainer.save(str(folder / "model.pt"))

    def _steps(self) -> Iterator[int]:
        while True:
            for batch in self.batches:
                self.trainer.update(batch)
                yield sum(map(len, batch[0]))
            self.batches.reshuffle()


class StanzaTagger(TagReader):
    """A trained tagger of stanza, called as by its pipeline: in batches of 32, in their order."""

    def __init__(self, folder: Path) -> None:
        trainer = importlib.import_module("stanza.models.ner.trainer").Trainer
        quiet()
        self.trainer = trainer(model_file=str(folder / "model.pt"), device="cpu")
        self.loader = importlib.import_module("stanza.models.ner.data").DataLoader

    def tag(self, sentences: Sequence[Sentence]) -> list[list[str]]:
        """Tag many sentences."""
        return self._tag([s.tokens for s in sentences])

    def tag_tokens(self, tokens: Sequence[str]) -> list[str]:
        """Tag one sentence."""
        return self._tag([tokens])[0]

    def _tag(self, sentences: Sequence[Sequence[str]]) -> list[list[str]]:
        batches = self.loader(
            stanza_document(sentences),
            BATCH_SIZE,
            self.trainer.args,
            vocab=self.trainer.vocab,
            evaluation=True,
            preprocess_tags=False,
        )
        with torch.no_grad():
            return [tags for batch in batches for tags in self.trainer.predict(batch)]


def quiet() -> None:
    """Silence stanza's log, which starts when its modules are imported."""
    logging.getLogger("stanza").setLevel(logging.WARNING)


def stanza_document(
    sentences: Sequence[Sequence[str]], tags: Sequence[Sequence[str]] | None = None
) -> Any:
    """Wrap tokens and their tags without stanza's own tokenizer."""
    document = importlib.import_module("stanza.models.common.doc").Document
    if tags is None:
        return document([[{"text": token} for token in tokens] for tokens in sentences])
    return document(
        [
            [{"text": token, "ner": tag} for token, tag in zip(tokens, row, strict=True)]
            for tokens, row in zip(sentences, tags, strict=True)
        ]
    )
