"""bi-lstm-crf as a contender of the benchmark: a small network of words, without characters."""

import importlib
import json
import tempfile
from argparse import Namespace
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import torch
from contenders import Stepwise, TagReader
from torch.utils.data import DataLoader, TensorDataset

from ner.data.schemes import tag_set, tags_from_spans
from ner.data.sentence import Sentence

BATCH_SIZE = 32
# `hidden_dim` is the width of both directions together.
NETWORK = {"embedding_dim": 100, "hidden_dim": 200, "num_rnn_layers": 1}
# Its default. Shorter sentences are padded, longer ones are cut.
MAX_SEQ_LEN = 100


class BiLstmCrf(Stepwise):
    """bi-lstm-crf: word embeddings of 100, one BiLSTM layer of 100 per direction, CRF.

    Its own loop trains whole epochs from files and holds out sentences, so its steps are written
    again here: its tensors of fixed length, its loss, Adam at 1e-3. Users choose its vocabulary:
    here, words as they are written, because it has no characters. Words seen once are left out, so
    that it learns a vector of unknown words.
    """

    name = "bi-lstm-crf"
    taggers: ClassVar = {"bi-lstm-crf": "peer_bi_lstm_crf:BiLstmCrfTagger"}
    size = None

    def __init__(self, train: Sequence[Sentence]) -> None:
        utils = importlib.import_module("bi_lstm_crf.app.utils")
        torch.manual_seed(1)
        counts = Counter(token for s in train for token in s.tokens)
        labels = sorted({span.label for s in train for span in s.spans or ()})
        self.lists = {
            "vocab.json": [word for word, count in counts.items() if count > 1],
            "tags.json": tag_set(labels, "BIOES"),
        }
        with tempfile.TemporaryDirectory() as folder:
            self._write_lists(Path(folder))
            preprocessing = importlib.import_module("bi_lstm_crf.app.preprocessing")
            preprocessor = preprocessing.Preprocessor(folder, verbose=False)
        words = [preprocessor.sent_to_vector(s.tokens, MAX_SEQ_LEN) for s in train]
        tags = [
            preprocessor.tags_to_vector(
                tags_from_spans(s.spans or (), len(s), "BIOES"), MAX_SEQ_LEN
            )
            for s in train
        ]
        self.batches = DataLoader(
            TensorDataset(torch.tensor(words), torch.tensor(tags)),
            batch_size=BATCH_SIZE,
            shuffle=True,
        )
        self.model = utils.build_model(Namespace(**NETWORK, model_dir=""), preprocessor, load=False)
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=1e-3)
        self.steps = self._steps()
        self.steps_of_epoch = len(self.batches)

    def save(self, folder: Path) -> None:
        """Write weights and vocabularies as its own script does."""
        folder.mkdir(parents=True, exist_ok=True)
        self._write_lists(folder)
        utils = importlib.import_module("bi_lstm_crf.app.utils")
        Path(utils.arguments_filepath(folder)).write_text(json.dumps(NETWORK), encoding="utf-8")
        torch.save(self.model.state_dict(), utils.model_filepath(folder))

    def _write_lists(self, folder: Path) -> None:
        for name, items in self.lists.items():
            (folder / name).write_text(json.dumps(items), encoding="utf-8")

    def _steps(self) -> Iterator[int]:
        while True:
            self.model.train()
            for words, tags in self.batches:
                self.model.zero_grad()
                loss = self.model.loss(words, tags)
                loss.backward()
                self.optimizer.step()
                loss.item()  # its own script keeps each loss
                yield int((words > 0).sum())  # without the tokens that were cut off


class BiLstmCrfTagger(TagReader):
    """A trained model of bi-lstm-crf.

    Its own `WordsTagger` tags single sentences, or sentences of equal length. Groups of equal
    length were slower than the way here: sentences are sorted by length, padded by its own
    function, and tagged by its model in batches of 32.
    """

    def __init__(self, folder: Path) -> None:
        app = importlib.import_module("bi_lstm_crf.app")
        self.tagger = app.WordsTagger(str(folder), device="cpu")

    def tag(self, sentences: Sequence[Sentence]) -> list[list[str]]:
        """Tag many sentences."""
        preprocessor: Any = self.tagger.preprocessor
        order = sorted(range(len(sentences)), key=lambda i: len(sentences[i]))
        tagged: list[list[str]] = [[] for _ in sentences]
        for start in range(0, len(order), BATCH_SIZE):
            indices = order[start : start + BATCH_SIZE]
            longest = len(sentences[indices[-1]])
            words = [preprocessor.sent_to_vector(sentences[i].tokens, longest) for i in indices]
            with torch.no_grad():
                _, paths = self.tagger.model(torch.tensor(words))
            for i, tags in zip(indices, preprocessor.decode_tags(paths), strict=True):
                tagged[i] = tags
        return tagged

    def tag_tokens(self, tokens: Sequence[str]) -> list[str]:
        """Tag one sentence."""
        return self.tagger([tokens])[0][0]
