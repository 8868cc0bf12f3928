"""Encoded training sentences in a file, for corpora that are larger than memory."""

import os
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ner.data.sentence import Sentence
from ner.errors import DataError, ModelFolderError
from ner.extras import require
from ner.features.arrays import Arrays
from ner.features.batch_order import BLOCKS, block_borders
from ner.features.counts import CorpusCounts
from ner.features.distinct_words import DistinctWords
from ner.features.ragged import Ragged
from ner.files import read_json, read_manifest, utf8_path, write_folder, write_json

FORMAT = 1
SENTENCES, COUNTS = "sentences.arrow", "counts.json"

# Tokens whose sentences are Python objects at the same time. With more tokens, encoding takes up to
# 1.4 times as long, because Python's garbage collector visits all objects that live for a while.
CHUNK_TOKENS = 1 << 11

# Tokens of a record batch. Opening a file takes 0.03 ms for each of its record batches.
BATCH_TOKENS = 1 << 20

# Blocks that are read until the mapping of the file is closed and opened again. This frees the
# pages that were read; the system frees them only when memory runs out.
READS = 8

# Encodes sentences as arrays with a row for each token, or with a row for each sentence.
Encode = Callable[[Sequence[Sentence]], Arrays]


@dataclass(frozen=True)
class StoredCorpus:
    """A folder that `store_sentences` wrote.

    Args:
        folder: The folder.
        manifest: The contents of its manifest.
    """

    folder: Path
    manifest: Mapping[str, Any]

    @property
    def facts(self) -> Any:
        """The facts that were stored with the sentences."""
        return self.manifest["facts"]

    def counts(self) -> CorpusCounts:
        """Read the counts of the stored sentences."""
        return CorpusCounts.from_dict(read_json(self.folder / COUNTS))


def open_stored(folder: Path, key: Mapping[str, Any]) -> StoredCorpus | None:
    """Open a stored corpus; None if there is none, or if it is damaged or has another key."""
    try:
        manifest = read_manifest(folder, FORMAT)
    except ModelFolderError:
        return None
    return StoredCorpus(folder, manifest) if manifest["key"] == key else None


class StoredSentences:
    """Training sentences in a file, which the library `datasets` maps into memory.

    In memory are 4 bytes for each sentence, the distinct words, and the blocks of one window of an
    `EpochPlan`.

    Args:
        corpus: The stored corpus.
        distinct_words: The words that were counted, in their order.
    """

    def __init__(self, corpus: StoredCorpus, distinct_words: DistinctWords) -> None:
        self.path = corpus.folder / SENTENCES
        self.distinct_words = distinct_words
        self.arrays: Mapping[str, Any] = corpus.manifest["arrays"]
        self._rows: Any = None
        self._reads = 0
        self._blocks: OrderedDict[int, Ragged] = OrderedDict()
        chunks = self._opened().data.column("tokens").chunks
        self.lengths = np.concatenate([np.diff(chunk.offsets.to_numpy()) for chunk in chunks])
        self.borders = block_borders(self.lengths)

    def __len__(self) -> int:
        return len(self.lengths)

    def pick(self, indices: NDArray[np.int64]) -> Ragged:
        """Copy the sentences at `indices`, in that order."""
        lengths = self.lengths[indices].astype(np.int64)
        numbers = np.searchsorted(self.borders, indices, side="right") - 1
        inside = (indices - self.borders[numbers]).tolist()
        blocks = [self._block(number) for number in numbers.tolist()]
        starts = [int(block.starts[i]) for block, i in zip(blocks, inside, strict=True)]
        ends = (starts + lengths).tolist()
        per_token = {
            name: np.concatenate(
                [b.per_token[name][s:e] for b, s, e in zip(blocks, starts, ends, strict=True)]
            )
            for name in blocks[0].per_token
        }
        per_sequence = {
            name: np.stack([b.per_sequence[name][i] for b, i in zip(blocks, inside, strict=True)])
            for name in blocks[0].per_sequence
        }
        return self._typed(Ragged(lengths, per_token, per_sequence))

    def blocks(self) -> Iterator[Ragged]:
        """Read all sentences in their order, block by block."""
        for number in range(len(self.borders) - 1):
            yield self._typed(self._read(number))

    def _block(self, number: int) -> Ragged:
        """Return a block, which is read unless it is among the last ones that were used."""
        if number not in self._blocks:
            if len(self._blocks) == BLOCKS:
                self._blocks.popitem(last=False)
            self._blocks[number] = self._read(number)
        self._blocks.move_to_end(number)
        return self._blocks[number]

    def _read(self, number: int) -> Ragged:
        """Read a block, with numbers of the types in the file."""
        if self._reads % READS == 0:
            self._rows = None  # close the mapping before the next one is opened
            self._rows = self._opened().with_format("arrow")
        self._reads += 1
        start, end = self.borders[number : number + 2].tolist()
        table = self._rows[start:end]
        by_row: dict[str, dict[str, NDArray[Any]]] = {"token": {}, "sentence": {}}
        for name, (row, _, shape) in self.arrays.items():
            chunks = [chunk.flatten() for chunk in table.column(name).chunks]
            flat = np.concatenate([chunk.to_numpy(zero_copy_only=False) for chunk in chunks])
            by_row[row][name] = flat.reshape(-1, *shape)
        lengths = self.lengths[start:end].astype(np.int64)
        return Ragged(lengths, by_row["token"], by_row["sentence"])

    def _typed(self, sentences: Ragged) -> Ragged:
        """Convert arrays to the types that they had before they were stored."""

        def typed(arrays: Arrays) -> Arrays:
            return {name: a.astype(self.arrays[name][1]) for name, a in arrays.items()}

        return Ragged(sentences.lengths, typed(sentences.per_token), typed(sentences.per_sequence))

    def _opened(self) -> Any:
        with utf8_path(self.path.parent) as folder:
            opened = require("datasets", "Training from a disk", "datasets").Dataset.from_file
            return opened(str(folder / self.path.name))


def store_sentences(
    folder: Path,
    sentences: Iterable[Sentence],
    counts: CorpusCounts,
    *,
    per_token: Encode,
    per_sentence: Encode,
    key: Mapping[str, Any],
    facts: Any = None,
) -> StoredCorpus:
    """Encode sentences chunk by chunk into a folder, which appears when it is complete.

    Args:
        folder: The folder; it is replaced as a whole.
        sentences: The sentences that were counted, at least one; none is empty.
        counts: Their counts.
        per_token: Encodes a chunk of sentences as arrays with a row for each token, end to end.
        per_sentence: Encodes a chunk of sentences as arrays with a row for each sentence.
        key: Everything that the arrays depend on, as JSON can hold it.
        facts: Other facts to store, as JSON can hold them.

    Raises:
        DataError: The sentences are not those that were counted, or the disk is full.
    """
    writer = _Writer(counts, per_token, per_sentence)
    manifest = {"format": FORMAT, "key": key, "facts": facts, "arrays": writer.arrays}
    try:
        write_folder(folder, manifest, partial(writer.write, sentences))
    except OSError as error:
        reason = error.strerror or error
        raise DataError(f"{folder}: the encoded corpus must fit on the disk. {reason}.") from None
    return StoredCorpus(folder, manifest)


class _Writer:
    """Writes the arrays of sentences as a table with a row for each sentence."""

    def __init__(self, counts: CorpusCounts, per_token: Encode, per_sentence: Encode) -> None:
        self.counts = counts
        self.rows = {word: row for row, word in enumerate(counts.words)}
        self.per_token = per_token
        self.per_sentence = per_sentence
        # By name: whether a row is a token or a sentence, the type of numbers, and the other axes.
        self.arrays: dict[str, tuple[str, str, list[int]]] = {}

    def write(self, sentences: Iterable[Sentence], folder: Path) -> None:
        """Write all files into a folder."""
        pa = require("pyarrow", "Training from a disk", "datasets")
        write_json(folder / COUNTS, self.counts.to_dict())
        written = 0
        waiting: list[Any] = []
        with ExitStack() as stack:
            file = stack.enter_context(pa.OSFile(os.fsencode(folder / SENTENCES), "wb"))
            stream: Any = None

            def flush() -> None:
                stream.write_table(pa.concat_tables(waiting).combine_chunks())
                waiting.clear()

            for chunk in _chunks(sentences):
                waiting.append(self._table(pa, chunk))
                if stream is None:
                    opened = pa.ipc.new_stream(file, waiting[0].schema)
                    stream = stack.enter_context(opened)
                written += len(chunk)
                if len(waiting) * CHUNK_TOKENS >= BATCH_TOKENS:
                    flush()
            if waiting:
                flush()
        if written != self.counts.sentences:
            raise _changed(f"{self.counts.sentences:,} at first, then {written:,}")

    def _table(self, pa: Any, sentences: Sequence[Sentence]) -> Any:
        try:
            rows = [self.rows[token] for s in sentences for token in s.tokens]
        except KeyError as error:
            raise _changed(f"the new word {error}") from None
        per_token = {"tokens": np.array(rows, dtype=np.int64), **self.per_token(sentences)}
        lengths = [len(s) for s in sentences]
        columns = {
            name: self._lists(pa, name, "token", array, lengths)
            for name, array in per_token.items()
        }
        ones = [1] * len(sentences)
        for name, array in self.per_sentence(sentences).items():
            columns[name] = self._lists(pa, name, "sentence", array, ones)
        return pa.table(columns)

    def _lists(
        self, pa: Any, name: str, row: str, array: NDArray[Any], lengths: Sequence[int]
    ) -> Any:
        """Turn an array into one flat list for each sentence, which has `lengths` rows of it."""
        facts = row, array.dtype.str, list(array.shape[1:])
        known = self.arrays.setdefault(name, facts)
        assert known == facts, f"{name}: {known} in one chunk, {facts} in another"
        values = array.ravel()
        if values.dtype == np.int64:
            values = values.astype(np.int32)  # these are rows of tables, which are below 2^31
        width = int(np.prod(array.shape[1:]))
        ends = np.cumsum([0, *lengths]) * width
        return pa.ListArray.from_arrays(pa.array(ends.astype(np.int32)), pa.array(values))


def _chunks(sentences: Iterable[Sentence]) -> Iterator[list[Sentence]]:
    """Cut a stream of sentences into chunks of about `CHUNK_TOKENS` tokens."""
    chunk: list[Sentence] = []
    tokens = 0
    for sentence in sentences:
        chunk.append(sentence)
        tokens += len(sentence)
        if tokens >= CHUNK_TOKENS:
            yield chunk
            chunk, tokens = [], 0
    if chunk:
        yield chunk


def _changed(got: str) -> DataError:
    return DataError(f"train: the same sentences each time they are read. Got {got}.")
