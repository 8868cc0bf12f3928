"""Training sentences as arrays in a file that is larger than memory."""

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
from ner.features.batch_order import BLOCKS, block_borders
from ner.features.counts import CorpusCounts
from ner.features.distinct_words import DistinctWords
from ner.features.ragged import Ragged
from ner.files import read_json, read_manifest, write_folder, write_json

FORMAT = 1

SENTENCES, COUNTS = "sentences.arrow", "counts.json"

# Tokens whose sentences are Python objects at the same time. With more of them the encoding takes
# up to 1.4 times as long: Python's garbage collector visits all that stay a while.
CHUNK_TOKENS = 1 << 11

# Tokens of a record batch: opening a file costs 0.03 ms for each of its batches.
BATCH_TOKENS = 1 << 20

# Blocks that are read until the map of the file is given back, and with it the pages that it holds
# in memory: the system would take them back as well, but only when memory is short.
READS = 8

Encode = Callable[[Sequence[Sentence]], Mapping[str, NDArray[Any]]]


@dataclass(frozen=True)
class StoredCorpus:
    """A folder that `store_sentences` wrote.

    Args:
        folder: Where it is.
        manifest: What it tells of itself.
    """

    folder: Path
    manifest: Mapping[str, Any]

    @property
    def facts(self) -> Any:
        """What was to be kept beside the sentences."""
        return self.manifest["facts"]

    def counts(self) -> CorpusCounts:
        """Read the counts of the sentences."""
        return CorpusCounts.from_dict(read_json(self.folder / COUNTS))


def open_stored(folder: Path, key: Mapping[str, Any]) -> StoredCorpus | None:
    """Find a stored corpus; None where there is none, a damaged one, or one with another key."""
    try:
        manifest = read_manifest(folder, FORMAT)
    except ModelFolderError:
        return None
    return StoredCorpus(folder, manifest) if manifest["key"] == key else None


class StoredSentences:
    """Training sentences in a file that `datasets` maps.

    Resident are 4 bytes a sentence, the words, and the blocks of one window of an `EpochPlan`.

    Args:
        corpus: The file and what is in it.
        lexicon: The words that were counted, in their order.
    """

    def __init__(self, corpus: StoredCorpus, lexicon: DistinctWords) -> None:
        self.path = corpus.folder / SENTENCES
        self.lexicon = lexicon
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
        per_run = {
            name: np.stack([b.per_run[name][i] for b, i in zip(blocks, inside, strict=True)])
            for name in blocks[0].per_run
        }
        return self._typed(Ragged(lengths, per_token, per_run))

    def parts(self) -> Iterator[Ragged]:
        """Read all sentences in their order, block by block."""
        for number in range(len(self.borders) - 1):
            yield self._typed(self._read(number))

    def _block(self, number: int) -> Ragged:
        """Read a block, or find it among the last ones."""
        if number not in self._blocks:
            if len(self._blocks) == BLOCKS:
                self._blocks.popitem(last=False)
            self._blocks[number] = self._read(number)
        self._blocks.move_to_end(number)
        return self._blocks[number]

    def _read(self, number: int) -> Ragged:
        """Copy a block out of the map, with numbers as they are stored."""
        if self._reads % READS == 0:
            self._rows = None  # before the next one is opened
            self._rows = self._opened().with_format("arrow")
        self._reads += 1
        start, end = self.borders[number : number + 2].tolist()
        table = self._rows[start:end]
        per: dict[str, dict[str, NDArray[Any]]] = {"token": {}, "sentence": {}}
        for name, (of, _, shape) in self.arrays.items():
            pieces = [piece.flatten() for piece in table.column(name).chunks]
            flat = np.concatenate([piece.to_numpy(zero_copy_only=False) for piece in pieces])
            per[of][name] = flat.reshape(-1, *shape)
        lengths = self.lengths[start:end].astype(np.int64)
        return Ragged(lengths, per["token"], per["sentence"])

    def _typed(self, runs: Ragged) -> Ragged:
        """Give arrays the kinds of numbers that they had before they were stored."""

        def typed(arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
            return {name: a.astype(self.arrays[name][1]) for name, a in arrays.items()}

        return Ragged(runs.lengths, typed(runs.per_token), typed(runs.per_run))

    def _opened(self) -> Any:
        return require("datasets", "Training from a disk").Dataset.from_file(str(self.path))


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
    """Encode sentences once, chunk by chunk, into a folder that appears when it is whole.

    Args:
        folder: Of nothing else.
        sentences: The sentences that were counted, at least one, none of them empty.
        counts: Of them.
        per_token: Gives arrays with a row for each token of some sentences, end to end.
        per_sentence: Gives arrays with a row for each of some sentences.
        key: What the arrays depend on, as JSON can hold it.
        facts: What else is to be kept, as JSON can hold it.

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
    """Writes arrays as a table with a row for each sentence."""

    def __init__(self, counts: CorpusCounts, per_token: Encode, per_sentence: Encode) -> None:
        self.counts = counts
        self.rows = {word: row for row, word in enumerate(counts.words)}
        self.per_token = per_token
        self.per_sentence = per_sentence
        # By name: what a row stands for, the kind of numbers, and the further axes.
        self.arrays: dict[str, tuple[str, str, list[int]]] = {}

    def write(self, sentences: Iterable[Sentence], folder: Path) -> None:
        """Write the files into a folder."""
        pa = require("pyarrow", "Training from a disk")
        write_json(folder / COUNTS, self.counts.to_dict())
        written = 0
        waiting: list[Any] = []
        with ExitStack() as stack:
            file = stack.enter_context(pa.OSFile(str(folder / SENTENCES), "wb"))
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
        self, pa: Any, name: str, of: str, array: NDArray[Any], lengths: Sequence[int]
    ) -> Any:
        """Write an array with `lengths` rows a sentence as one flat list a sentence."""
        facts = of, array.dtype.str, list(array.shape[1:])
        known = self.arrays.setdefault(name, facts)
        assert known == facts, f"{name}: {known} in one chunk, {facts} in another"
        values = array.ravel()
        if values.dtype == np.int64:
            values = values.astype(np.int32)  # rows of tables, all of them
        width = int(np.prod(array.shape[1:]))
        ends = np.cumsum([0, *lengths]) * width
        return pa.ListArray.from_arrays(pa.array(ends.astype(np.int32)), pa.array(values))


def _chunks(sentences: Iterable[Sentence]) -> Iterator[list[Sentence]]:
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
