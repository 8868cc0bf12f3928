"""What a teacher thinks of the training sentences, in a file: as little as the loss needs.

That is the probability of each tag at each token, and for each sentence the expected number of
steps from each tag to each tag that may follow it. The file is mapped into memory, so that a batch
reads its own rows.

Axes: N tokens of all sentences, S sentences, C tags, L legal steps.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from ner.crf.forward_backward import Edges, step_posteriors, token_posteriors
from ner.errors import ConfigError
from ner.features.arrays import Floats
from ner.files import replacing
from ner.inference.batching import batches_of_scores
from ner.safetensors_header import SafetensorsHeader
from ner.tasks import SpanTask, TokenTask

# Bytes of a file at most. With a few dozen tags, these are a billion tokens.
MOST_BYTES = 1 << 36

# Probabilities of pairs of tags that are in memory at a time.
PAIRS = 1 << 22


class Thought(NamedTuple):
    """What a teacher thinks of a sentence.

    Args:
        tags: The probability of each tag at each token (T C).
        steps: The expected number of steps from each tag to each tag (C C).
    """

    tags: NDArray[np.float64]
    steps: NDArray[np.float64]


def think(
    task: SpanTask | TokenTask, edges: Edges | None, scores: Sequence[Floats]
) -> list[Thought]:
    """Compute the probabilities of tags and steps of sentences, at the temperature of a model.

    Args:
        task: What the model predicts.
        edges: Its learnt scores of steps between tags.
        scores: The scores of tags of each sentence (T C), T at least 1.
    """
    lattice = task.lattice(edges)
    found: dict[int, Thought] = {}
    most_tokens = max(1, PAIRS // len(task.outputs) ** 2)
    for indices, raw, lengths in batches_of_scores(scores, most_tokens):
        emissions = task.emissions({"emissions": raw})
        sums = lattice.sums(emissions, lengths)
        tags = token_posteriors(sums, lengths)
        steps = step_posteriors(emissions, lengths, lattice.edges, sums).sum(axis=1)
        for b, i in enumerate(indices.tolist()):
            found[i] = Thought(tags[b, : lengths[b]], steps[b])
    return [found[i] for i in range(len(scores))]


@dataclass(frozen=True)
class TeacherTargets:
    """What a teacher thinks of each training sentence, as arrays of batches.

    Args:
        tags: The probability of each tag at each token (N C).
        steps: The expected number of each legal step in each sentence (S L).
        legal: Whether each tag may follow each tag (C C).
        starts: Where the tokens of each sentence begin, and where the last ones end (S + 1).
        weights: The share of the teacher in the loss of each sentence (S).
    """

    tags: NDArray[np.float32]
    steps: NDArray[np.float32]
    legal: NDArray[np.bool_]
    starts: NDArray[np.int64]
    weights: Floats

    def __call__(self, indices: NDArray[np.int64]) -> dict[str, Any]:
        """Return `teacher_weights`, `teacher_tags` and `teacher_steps` of some sentences."""
        starts, ends = self.starts[indices], self.starts[indices + 1]
        num_tags = len(self.legal)
        tags = np.zeros((len(indices), int((ends - starts).max()), num_tags), dtype=np.float32)
        for row, start, end in zip(tags, starts.tolist(), ends.tolist(), strict=True):
            row[: end - start] = self.tags[start:end]
        steps = np.zeros((len(indices), num_tags, num_tags), dtype=np.float32)
        steps[:, self.legal] = self.steps[indices]
        return {
            "teacher_weights": self.weights[indices],
            "teacher_tags": tags,
            "teacher_steps": steps,
        }

    @classmethod
    def open(
        cls,
        path: Path,
        key: str,
        lengths: Sequence[int],
        legal: NDArray[np.bool_],
        weights: Floats,
    ) -> Self | None:
        """Open a file that `write` wrote; None if there is none with that key.

        Args:
            path: The file.
            key: A digest of everything that its content depends on.
            lengths: The number of tokens of each sentence.
            legal: As for the class.
            weights: As for the class.
        """
        if not path.is_file():
            return None
        header = SafetensorsHeader.read(path)
        if header.arrays.get("__metadata__") != {"key": key}:
            return None
        arrays = _mapped(path, len(header.content), header.arrays, "r")
        starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        return cls(arrays["tags"], arrays["steps"], legal, starts, weights)


def write(
    path: Path,
    key: str,
    lengths: Sequence[int],
    legal: NDArray[np.bool_],
    thoughts: Iterable[Thought],
) -> None:
    """Write what a teacher thinks of sentences, one after the other, in place of a file.

    Args:
        path: A safetensors file.
        key: A digest of everything that its content depends on.
        lengths: The number of tokens of each sentence.
        legal: Whether each tag may follow each tag (C C).
        thoughts: What the teacher thinks of each sentence.

    Raises:
        ConfigError: The file would be larger than `MOST_BYTES`.
    """
    shapes = {"tags": (sum(lengths), len(legal)), "steps": (len(lengths), int(legal.sum()))}
    header: dict[str, Any] = {"__metadata__": {"key": key}}
    size = 0
    for name, shape in shapes.items():
        end = size + 4 * shape[0] * shape[1]
        header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [size, end]}
        size = end
    if size > MOST_BYTES:
        raise ConfigError(
            f"training.teacher: what it thinks of {len(lengths):,} sentences must take at most "
            f"{MOST_BYTES >> 30} GiB. Got {size / (1 << 30):,.0f} GiB, for {len(legal):,} tags."
        )
    text = json.dumps(header).encode("ascii")
    text += b" " * (-len(text) % 8)
    content = len(text).to_bytes(8, "little") + text
    with replacing(path) as temporary:
        with temporary.open("wb") as file:
            file.write(content)
            file.truncate(len(content) + size)
        arrays = _mapped(temporary, len(content), header, "r+")
        start = 0
        for i, (tags, steps) in enumerate(thoughts):
            arrays["tags"][start : start + len(tags)] = tags
            arrays["steps"][i] = steps[legal]
            start += len(tags)
        for array in arrays.values():
            array.flush()


def _mapped(path: Path, begin: int, header: dict[str, Any], mode: Any) -> dict[str, Any]:
    return {
        name: np.memmap(
            path,
            dtype=np.float32,
            mode=mode,
            offset=begin + header[name]["data_offsets"][0],
            shape=tuple(header[name]["shape"]),
        )
        for name in ("tags", "steps")
    }
