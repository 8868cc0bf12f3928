"""The baseline of the benchmark: a BiLSTM-CRF tagger as tutorials write it.

It collates shuffled batches of 32 in Python, runs a character CNN on every token, a packed LSTM and
pytorch-crf, clips gradients, and uses Adam with its defaults. It never changes, so that figures of
different days can be compared.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import torch
from contenders import Stepwise, TagReader
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence
from torch.utils.data import DataLoader
from torchcrf import CRF

from ner.data.schemes import tag_set, tags_from_spans
from ner.data.sentence import Sentence

BATCH_SIZE = 32
PADDING, UNKNOWN = 0, 1

Batch = tuple[Tensor, Tensor, Tensor, Tensor]


class TutorialModel(nn.Module):
    """A network of word embedding and character CNN, BiLSTM and CRF.

    Args:
        num_words: Number of rows in the table of words.
        num_chars: Number of rows in the table of characters.
        num_tags: Number of tags.
        size: Width of one direction of the LSTM.
    """

    def __init__(self, num_words: int, num_chars: int, num_tags: int, size: int) -> None:
        super().__init__()
        self.words = nn.Embedding(num_words, 100, padding_idx=PADDING)
        self.chars = nn.Embedding(num_chars, 30, padding_idx=PADDING)
        self.convolution = nn.Conv1d(30, 30, kernel_size=3, padding=1)
        self.dropout = nn.Dropout(0.5)
        self.lstm = nn.LSTM(130, size, batch_first=True, bidirectional=True)
        self.projection = nn.Linear(2 * size, num_tags)
        self.crf = CRF(num_tags, batch_first=True)

    def emissions(self, words: Tensor, chars: Tensor, lengths: Tensor) -> Tensor:
        """Score the tags (B T C) of words (B T) with their characters (B T W)."""
        batch_size, longest, width = chars.shape
        letters = self.chars(chars.view(batch_size * longest, width)).transpose(1, 2)
        spelling = torch.relu(self.convolution(letters)).max(dim=2).values
        spelling = spelling.view(batch_size, longest, -1)
        embedded = self.dropout(torch.cat([self.words(words), spelling], dim=2))
        packed = pack_padded_sequence(embedded, lengths, batch_first=True, enforce_sorted=False)
        hidden, _ = pad_packed_sequence(self.lstm(packed)[0], batch_first=True)
        return self.projection(self.dropout(hidden))

    def loss(self, batch: Batch) -> Tensor:
        """Compute the mean negative log-likelihood of the gold tags."""
        words, chars, lengths, tags = batch
        mask = words != PADDING
        return -self.crf(self.emissions(words, chars, lengths), tags, mask, reduction="mean")

    def decode(self, batch: Batch) -> list[list[int]]:
        """Find the best tags."""
        words, chars, lengths, _ = batch
        mask: Any = words != PADDING  # pytorch-crf's annotation of bytes is deprecated
        return self.crf.decode(self.emissions(words, chars, lengths), mask)


class TutorialTagger(TagReader):
    """The model with its vocabularies: sentences in, tags out."""

    def __init__(self, words: list[str], chars: list[str], tags: list[str], size: int) -> None:
        self.words, self.chars, self.tags, self.size = words, chars, tags, size
        self.word_ids = {word: i for i, word in enumerate(words, start=2)}
        self.char_ids = {char: i for i, char in enumerate(chars, start=2)}
        self.tag_ids = {tag: i for i, tag in enumerate(tags)}
        self.model = TutorialModel(len(words) + 2, len(chars) + 2, len(tags), size)

    def collate(self, examples: Sequence[tuple[Sequence[str], Sequence[str]]]) -> Batch:
        """Turn tokens and tags into a padded batch."""
        words, chars, tags = [], [], []
        for tokens, names in examples:
            words.append(torch.tensor([self.word_ids.get(t.lower(), UNKNOWN) for t in tokens]))
            tags.append(torch.tensor([self.tag_ids[name] for name in names]))
            chars.append([[self.char_ids.get(c, UNKNOWN) for c in token] for token in tokens])
        lengths = torch.tensor([len(ids) for ids in words])
        longest = int(lengths.max())
        width = max(len(word) for sentence in chars for word in sentence)
        padded = [
            [word + [PADDING] * (width - len(word)) for word in sentence]
            + [[PADDING] * width] * (longest - len(sentence))
            for sentence in chars
        ]
        return (
            pad_sequence(words, batch_first=True, padding_value=PADDING),
            torch.tensor(padded),
            lengths,
            pad_sequence(tags, batch_first=True),
        )

    def tag(self, sentences: Sequence[Sentence]) -> list[list[str]]:
        """Tag many sentences, sorted by length, in batches of 32."""
        self.model.eval()
        order = sorted(range(len(sentences)), key=lambda i: len(sentences[i]))
        tags: list[list[str]] = [[] for _ in sentences]
        with torch.no_grad():
            for start in range(0, len(order), BATCH_SIZE):
                indices = order[start : start + BATCH_SIZE]
                examples = [(sentences[i].tokens, ["O"] * len(sentences[i])) for i in indices]
                for i, path in zip(indices, self.model.decode(self.collate(examples)), strict=True):
                    tags[i] = [self.tags[tag] for tag in path]
        return tags

    def tag_tokens(self, tokens: Sequence[str]) -> list[str]:
        """Tag one sentence."""
        self.model.eval()
        with torch.no_grad():
            path = self.model.decode(self.collate([(tokens, ["O"] * len(tokens))]))[0]
        return [self.tags[tag] for tag in path]

    def save(self, folder: Path) -> None:
        """Write weights and vocabularies."""
        folder.mkdir(parents=True, exist_ok=True)
        facts = {"words": self.words, "chars": self.chars, "tags": self.tags, "size": self.size}
        (folder / "vocabularies.json").write_text(json.dumps(facts), encoding="utf-8")
        save_file(self.model.state_dict(), folder / "model.safetensors")


def load(folder: Path) -> TutorialTagger:
    """Load the folder that `TutorialTagger.save` writes."""
    facts = json.loads((folder / "vocabularies.json").read_text(encoding="utf-8"))
    tagger = TutorialTagger(**facts)
    tagger.model.load_state_dict(load_file(folder / "model.safetensors"))
    return tagger


class Baseline(Stepwise):
    """The baseline as a contender.

    Args:
        train: Annotated sentences.
        size: Width of one direction of the LSTM.
        seed: Seed of weights, batches and dropout.
    """

    name = "baseline"
    taggers: ClassVar = {"baseline": "baseline:load"}

    def __init__(self, train: Sequence[Sentence], size: int, seed: int = 1) -> None:
        self.size = size
        torch.manual_seed(seed)
        words = sorted({token.lower() for s in train for token in s.tokens})
        chars = sorted({char for s in train for token in s.tokens for char in token})
        labels = sorted({span.label for s in train for span in s.spans or ()})
        self.tagger = TutorialTagger(words, chars, tag_set(labels, "BIOES"), size)
        examples = [(s.tokens, tags_from_spans(s.spans or (), len(s), "BIOES")) for s in train]
        self.loader_of_batches = DataLoader(
            examples,  # pyright: ignore[reportArgumentType]
            batch_size=BATCH_SIZE,
            shuffle=True,
            collate_fn=self.tagger.collate,
        )
        self.optimizer = torch.optim.Adam(self.tagger.model.parameters())
        self.steps = self._steps()
        self.steps_of_epoch = len(self.loader_of_batches)

    def save(self, folder: Path) -> None:
        """Write the model."""
        self.tagger.save(folder)

    def _steps(self) -> Iterator[int]:
        model = self.tagger.model
        while True:
            for batch in self.loader_of_batches:
                model.train()
                self.optimizer.zero_grad()
                loss = model.loss(batch)
                loss.backward()
                nn.utils.clip_grad_norm_(model.parameters(), 5.0)
                self.optimizer.step()
                loss.item()  # tutorials show it in a progress bar
                yield int(batch[2].sum())
