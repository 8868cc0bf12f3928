"""Pretrained word vectors: read from files of other tools, kept in a compact file of our own."""

import hashlib
import itertools
import math
from collections.abc import Iterable, Iterator, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

from ner.data.lines import BOM, check_file, short
from ner.errors import DataError, ModelFolderError
from ner.features.int8_rows import from_int8, to_int8
from ner.features.vector_files import (
    CHUNK,
    check_is_text,
    is_word2vec,
    line_batches,
    opened_vectors,
    peeked,
)
from ner.files import MAPPED_FROM, replacing
from ner.safetensors_header import SafetensorsHeader

# The most bytes of a word in a binary file.
LONGEST_WORD = 1 << 16
MAX_FLOAT32 = float(np.finfo(np.float32).max)

# What messages call a store that is open.
STORE = "vectors.safetensors"

# The arrays of a store, with their types in safetensors and in numpy.
STORE_TYPES = {
    "hashes": ("U64", np.uint64),  # of the words, ascending
    "rows": ("U32", np.uint32),  # the row of the word of each hash
    "vectors": ("F16", np.float16),
    "words": ("U8", np.uint8),  # all words in UTF-8, end to end
    "offsets": ("U64", np.uint64),  # the start of each word, and the end of the last one
}

# Those of a compact store, whose words are in the order of their hashes.
COMPACT_TYPES = {
    "hashes": ("U32", np.uint32),  # the higher half of those above, ascending
    "vectors": ("I8", np.int8),
    "scales": ("F16", np.float16),  # of the vectors
    "words": ("U8", np.uint8),
    "lengths": ("U8", np.uint8),  # of the words in UTF-8
}
LONGEST_COMPACT = 255  # bytes of a word


@dataclass(frozen=True, eq=False)
class Vectors:
    """Words and their vectors.

    Args:
        words: The words, each once, in the order of the file.
        matrix: The vector of each word (N E).
        skipped: Number of lines that were left out because their word is not UTF-8: no token can
            equal it.
    """

    words: tuple[str, ...]
    matrix: NDArray[np.float32]
    skipped: int = 0


def read_vectors(
    path: str | Path, keep: int | None = None, always: Set[str] = frozenset()
) -> Vectors:
    """Read a text file of GloVe, word2vec or fastText: each line has a word and its numbers.

    The file may be packed (.gz, .bz2, .xz, .zst) or be in an archive (.zip, .tar, .tar.gz), of
    which the first file is read. It may start with a line that has the number of words and of
    dimensions. Words may contain spaces. If a word occurs twice, its first line counts. The binary
    format of word2vec is read, too.

    Args:
        path: The file.
        keep: Read the vectors of this many lines from the top, which are the most frequent words in
            all three kinds of files; None reads all.
        always: Words whose vectors are read wherever they are.

    Raises:
        DataError: The file is missing, damaged, without words or in another format, or a line
            differs from the first one.
        MissingExtraError: It is packed with Zstandard, and the package for it is not installed.
    """
    path = Path(path)
    check_file(path)
    wanted = math.inf if keep is None else keep
    with opened_vectors(path) as file:
        start = peeked(file)
        if is_word2vec(start):
            return _read_word2vec(file, path, wanted, always)
        check_is_text(start, path)
        return _read_lines(line_batches(file, start, path), path, wanted, always)


class VectorStore:
    """Words and their vectors in one file; only the vectors that are used are read into memory.

    A word is found by a hash and then compared, so no word gets the vector of another word. Numbers
    have half precision, or in a compact store eight bits.

    Args:
        arrays: The arrays of `STORE_TYPES` or of `COMPACT_TYPES` by name.
    """

    def __init__(self, arrays: dict[str, NDArray[Any]]) -> None:
        self._arrays = arrays
        self._hashes, self._words = arrays["hashes"], arrays["words"]
        self._vectors = arrays["vectors"]
        self._rows, self._scales = arrays.get("rows"), arrays.get("scales")
        if self.is_compact:
            self._offsets = np.append(np.uint64(0), np.cumsum(arrays["lengths"], dtype=np.uint64))
        else:
            self._offsets = arrays["offsets"]
        self.size = self._vectors.shape[1]

    def __len__(self) -> int:
        """Count the words."""
        return len(self._vectors)

    @property
    def is_compact(self) -> bool:
        """Whether the vectors have eight bits."""
        return self._scales is not None

    @property
    def words(self) -> list[str]:
        """All words, in the order of their rows."""
        content, ends = self._words.tobytes(), self._offsets.tolist()
        return [content[a:b].decode("utf-8", "surrogatepass") for a, b in itertools.pairwise(ends)]

    @classmethod
    def compact(cls, words: Sequence[str], matrix: NDArray[np.floating[Any]]) -> "VectorStore":
        """Make a compact store in memory.

        Args:
            words: The words, each once, of at most 255 bytes in UTF-8.
            matrix: The vector of each word (N E).
        """
        encoded = [_encode(word) for word in words]
        hashes = _short(_hash(encoded))
        order = np.argsort(hashes, kind="stable")
        vectors, scales = to_int8(matrix[order])
        ordered = [encoded[i] for i in order.tolist()]
        arrays: dict[str, NDArray[Any]] = {
            "hashes": hashes[order],
            "vectors": vectors,
            "scales": scales,
            "words": np.frombuffer(b"".join(ordered), dtype=np.uint8),
            "lengths": np.array(list(map(len, ordered)), dtype=np.uint8),
        }
        return cls(arrays)

    @classmethod
    def open(cls, path: str | Path) -> "VectorStore":
        """Open a file that `write` or `save` wrote.

        Raises:
            ModelFolderError: There is no such file, or it is damaged or no vector store.
        """
        try:
            return cls(_map_arrays(Path(path)))
        except FileNotFoundError:
            raise ModelFolderError(f"{path}: no such file.") from None
        except (ValueError, KeyError, TypeError, IndexError, OSError) as error:
            raise ModelFolderError(
                f"{path}: must be a whole vector store. Got a damaged or foreign file ({error})."
            ) from None

    @classmethod
    def write(
        cls, path: str | Path, words: Sequence[str], matrix: NDArray[np.floating[Any]]
    ) -> None:
        """Write a file.

        Args:
            path: The file; it is replaced as a whole.
            words: The words, each once.
            matrix: The vector of each word (N E).

        Raises:
            DataError: A number is out of the range of half precision, ±65,504.
        """
        with np.errstate(over="ignore"):
            vectors = np.ascontiguousarray(matrix, dtype=np.float16)
        if len(words) != len(vectors):
            raise ValueError(f"matrix: a row a word. Got {len(vectors)} for {len(words)} words.")
        if not np.isfinite(vectors).all():
            worst = matrix[~np.isfinite(vectors)][0]
            raise DataError(f"{path}: vectors hold numbers from -65504 to 65504. Got {worst}.")
        encoded = [_encode(word) for word in words]
        hashes = _hash(encoded)
        order = np.argsort(hashes, kind="stable")
        lengths = np.array([0, *map(len, encoded)], dtype=np.uint64)
        arrays = {
            "hashes": hashes[order],
            "rows": order.astype(np.uint32),
            "vectors": vectors,
            "words": np.frombuffer(b"".join(encoded), dtype=np.uint8),
            "offsets": np.cumsum(lengths, dtype=np.uint64),
        }
        cls(arrays).save(path)

    def save(self, path: str | Path) -> None:
        """Write the store to a file; it is replaced as a whole."""
        with replacing(Path(path)) as temporary:
            save_file(self._arrays, temporary)

    def find(self, words: Sequence[str]) -> NDArray[np.int64]:
        """Look up the rows of words (N); the row of an unknown word is -1.

        Raises:
            ModelFolderError: The file names a row that it lacks.
        """
        found = np.full(len(words), -1, dtype=np.int64)
        encoded = [_encode(word) for word in words]
        hashes = _short(_hash(encoded)) if self.is_compact else _hash(encoded)
        starts = np.searchsorted(self._hashes, hashes, side="left")
        ends = np.searchsorted(self._hashes, hashes, side="right")
        for i in np.flatnonzero(starts < ends):
            places = slice(starts[i], ends[i])
            rows = range(starts[i], ends[i]) if self._rows is None else self._rows[places].tolist()
            for row in rows:
                if row >= len(self):
                    raise ModelFolderError(f"{STORE}: row {row} must be one of {len(self)} rows.")
                if self._words[self._offsets[row] : self._offsets[row + 1]].tobytes() == encoded[i]:
                    found[i] = row
        return found

    def rows(self, ids: NDArray[np.integer[Any]]) -> NDArray[np.float32]:
        """Return the vectors (N E) of rows (N), which `find` has found.

        Raises:
            ModelFolderError: A number of these vectors is not finite.
        """
        if ids.size and ids.min() < 0:
            raise IndexError(f"ids: rows of words that were found. Got {ids.min()}.")
        if self._scales is not None:
            found = from_int8(self._vectors[ids], self._scales[ids])
        else:
            found = self._vectors[ids].astype(np.float32)
        if not np.isfinite(found).all():
            raise ModelFolderError(f"{STORE}: the vectors must be finite. Got others.")
        return found


def _read_word2vec(file: IO[bytes], path: Path, keep: float, always: Set[str]) -> Vectors:
    """Read a binary file: each word, a blank, and its numbers in four bytes each."""
    count, size = map(int, file.readline().split())
    words: dict[str, None] = {}
    vectors: list[bytes] = []
    skipped, content, place = 0, b"", 0
    for number in range(count):
        if len(content) - place < LONGEST_WORD + 4 * size:
            content, place = content[place:] + file.read(CHUNK), 0
        blank = content.find(b" ", place)
        vector = content[blank + 1 : blank + 1 + 4 * size]
        if blank < 0 or len(vector) < 4 * size:
            raise DataError(f"{path}: {count} words, as its first line says. Got {number}.")
        raw, place = content[place:blank], blank + 1 + 4 * size
        try:
            word = raw.lstrip(b"\n").decode()
        except UnicodeDecodeError:
            skipped += 1
            continue
        if (number < keep or word in always) and word not in words:
            words[word] = None
            vectors.append(vector)
    matrix = np.frombuffer(b"".join(vectors), dtype="<f4").reshape(len(words), size)
    (others,) = np.nonzero(~np.isfinite(matrix).all(axis=1))
    if others.size:
        word = short(list(words)[others[0]])
        raise DataError(f"{path}: the numbers of {word} must be finite. Got others.")
    _check_found(count, skipped, path)
    return Vectors(tuple(words), matrix.astype(np.float32), skipped)


def _check_found(count: int, skipped: int, path: Path) -> None:
    """Refuse a file of which no word can be read."""
    if count == skipped:
        found = f"{count} that are not in UTF-8" if count else "none"
        raise DataError(f"{path}: at least one word with its numbers. Got {found}.")


def _read_lines(
    batches: Iterator[list[bytes]], path: Path, keep: float, always: Set[str]
) -> Vectors:
    lines = next(batches, [b""])
    first = lines[0] = lines[0].removeprefix(BOM)
    fields = first.split()
    has_header = len(fields) == 2 and all(field.isdigit() for field in fields)
    size = int(fields[1]) if has_header else len(fields) - 1
    if size < 1:
        raise DataError(f"{path}:1: a word and its numbers in each line. Got {_show(first)}.")

    words: dict[str, None] = {}
    matrices: list[NDArray[np.float32]] = []
    skipped = 0
    num_read = int(has_header)
    for batch in itertools.chain([lines[num_read:]], batches):
        taken: dict[int, bytes] = {}
        for line_number, line in enumerate(batch, start=num_read + 1):
            word, _, numbers = line.rstrip().partition(b" ")
            if not numbers or numbers.count(b" ") != size - 1:
                word, numbers = _split(line, size, f"{path}:{line_number}")
            try:
                decoded = word.decode()
            except UnicodeDecodeError:
                skipped += 1
                continue
            wanted = line_number - has_header <= keep or decoded in always
            if wanted and decoded not in words:
                words[decoded] = None
                taken[line_number] = numbers
        if taken:
            matrices.append(_parse(taken, size, path))
        num_read += len(batch)
    if has_header and num_read - 1 != int(fields[0]):
        raise DataError(
            f"{path}: {int(fields[0])} words, as its first line says. Got {num_read - 1}."
        )
    _check_found(num_read - has_header, skipped, path)
    matrix = np.concatenate(matrices) if matrices else np.zeros((0, size), dtype=np.float32)
    return Vectors(tuple(words), matrix, skipped)


def _split(line: bytes, size: int, where: str) -> tuple[bytes, bytes]:
    """Split a line whose word contains spaces, or with other separators than single spaces."""
    fields = line.split()
    num_numbers = len(fields) - 1
    # Everything before the last `size` numbers belongs to the word, unless it is a number.
    too_long = num_numbers > size and not any(math.isnan(_number(f)) for f in fields[1:-size])
    if num_numbers < size or too_long:
        raise DataError(f"{where}: {max(num_numbers, 0)} numbers, but the first line has {size}.")
    return line.rstrip().rsplit(None, size)[0], b" ".join(fields[-size:])


def _parse(numbers: dict[int, bytes], size: int, path: Path) -> NDArray[np.float32]:
    """Parse the numbers of lines, which are given by line number, as a matrix (N E)."""
    with suppress(ValueError):
        matrix = np.loadtxt(
            list(numbers.values()), dtype=np.float32, comments=None, delimiter=" ", ndmin=2
        )
        if np.isfinite(matrix).all():
            return matrix
    pairs = ((i, number) for i, line in numbers.items() for number in line.split(b" "))
    wrong = (pair for pair in pairs if not abs(_number(pair[1])) <= MAX_FLOAT32)
    line_number, number = next(wrong, next(iter(numbers.items())))
    raise DataError(f"{path}:{line_number}: finite numbers after the word. Got {_show(number)}.")


def _number(text: bytes) -> float:
    """Parse a number; the result is NaN if the text is not a number."""
    try:
        return float(text)
    except ValueError:
        return math.nan


def _show(text: bytes) -> str:
    return repr(text[:40].decode(errors="replace").strip())


def _encode(word: str) -> bytes:
    # A Python string can contain half of a UTF-16 pair, which strict UTF-8 refuses.
    return word.encode("utf-8", "surrogatepass")


def _hash(words: Iterable[bytes]) -> NDArray[np.uint64]:
    digests = (hashlib.blake2b(word, digest_size=8).digest() for word in words)
    return np.frombuffer(b"".join(digests), dtype="<u8")


def _short(hashes: NDArray[np.uint64]) -> NDArray[np.uint32]:
    """Return the higher half of each hash, which keeps their order."""
    return (hashes >> np.uint64(32)).astype(np.uint32)


def _map_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """Read the arrays of a file that `VectorStore.save` wrote, or map those of a large one.

    Raises:
        ValueError: An array is cut off, or has another type or shape.
    """
    header = SafetensorsHeader.read(path)
    if path.stat().st_size < MAPPED_FROM:
        content: NDArray[Any] = np.fromfile(path, dtype=np.uint8)
    else:
        # A plain array over the mapping: slices of np.memmap cost many times as much.
        content = np.asarray(np.memmap(path, dtype=np.uint8, mode="r"))
    data = content[len(header.content) :]
    types = COMPACT_TYPES if "scales" in header.arrays else STORE_TYPES
    arrays: dict[str, NDArray[Any]] = {}
    for name, (type_name, dtype) in types.items():
        stored = header.arrays[name]
        start, end = stored["data_offsets"]
        if stored["dtype"] != type_name or not 0 <= start <= end <= len(data):
            raise ValueError(f"{name} is cut off or not {type_name}")
        arrays[name] = data[start:end].view(dtype).reshape(stored["shape"])
    num_words, _ = arrays["vectors"].shape
    sizes = dict.fromkeys(types.keys() - {"vectors", "offsets"}, num_words)
    if "offsets" in arrays:
        sizes |= {"offsets": num_words + 1, "words": int(arrays["offsets"][-1])}
    else:
        sizes["words"] = int(arrays["lengths"].sum(dtype=np.int64))
        if not np.isfinite(arrays["scales"]).all():
            raise ValueError("scales must be finite")
    for name, size in sizes.items():
        if arrays[name].shape != (size,):
            raise ValueError(f"{name} has the shape {arrays[name].shape}, not {(size,)}")
    return arrays
