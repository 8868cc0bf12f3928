"""stanza as a contender of the benchmark: its entity tagger, trained from scratch."""

import importlib
import logging
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import torch
from stepwise import Stepwise

from ner.data.schemes import Span, spans_from_tags, tags_from_spans
from ner.data.sentence import Sentence

BATCH_SIZE = 32
# Its own command line: no pretrained vectors, 100 per direction; all else has its default.
ARGUMENTS = ("--no_pretrain", "--hidden_dim", "100", "--shorthand", "en_benchmark", "--cpu")


class Stanza(Stepwise):
    """stanza: word embeddings of 100, its character LSTM, one BiLSTM layer of 100, CRF.

    All else has its default: a character LSTM of 100 per direction, dropout, SGD at 0.1, clipped
    gradients. Without pretrained vectors it starts those of all words of the training set at zero
    and learns them; unknown words stay there.
    """

    name = "stanza"
    taggers: ClassVar = {"stanza": "peer_stanza:StanzaTagger"}
    size = None

    def __init__(self, train: Sequence[Sentence]) -> None:
        arguments = importlib.import_module("stanza.models.ner_tagger").parse_args(ARGUMENTS)
        quiet()
        torch.manual_seed(1)
        random.seed(1)  # its batches are shuffled by it
        document = stanza_document(
            [s.tokens for s in train],
            # It turns BIO into BIOES by itself.
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


class StanzaTagger:
    """A trained tagger of stanza.

    It is called as its pipeline calls it: batches of 32 in the order of the text.
    """

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

    def spans(self, tagged: Sequence[Sequence[str]]) -> list[list[Span]]:
        """Read the spans out of what `tag` gave."""
        return [spans_from_tags(tags) for tags in tagged]

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
    """Keep stanza's remarks out of the benchmark's; importing its modules makes it talk."""
    logging.getLogger("stanza").setLevel(logging.WARNING)


def stanza_document(
    sentences: Sequence[Sequence[str]], tags: Sequence[Sequence[str]] | None = None
) -> Any:
    """Wrap tokens, and their tags, so that stanza's own tokenizer stays out of it."""
    document = importlib.import_module("stanza.models.common.doc").Document
    if tags is None:
        return document([[{"text": token} for token in tokens] for tokens in sentences])
    return document(
        [
            [{"text": token, "ner": tag} for token, tag in zip(tokens, row, strict=True)]
            for tokens, row in zip(sentences, tags, strict=True)
        ]
    )
