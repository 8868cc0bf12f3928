"""Split a file into train, dev and test, or draw a sample of its sentences, by a random seed."""

import math
import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from ner.data.tools.blocks import Block, ending, read_blocks, write_blocks
from ner.data.tools.corpus_file import CorpusFile, labels_of
from ner.errors import ConfigError, DataError
from ner.files import together

SPLIT_NAMES = ("train", "dev", "test")

# Counted with the labels, so that the splits also get their shares of sentences and tokens. No
# label is a tuple.
SENTENCE_KEY, TOKEN_KEY = ("sentences",), ("tokens",)
Counts = Counter[object]


def split_blocks(
    blocks: Sequence[Block], ratios: Sequence[float], seed: int, target: str | None = None
) -> list[list[Block]]:
    """Distribute blocks so that each split gets its share of every label, sentences and tokens.

    A whole document goes to one split, and so do equal sentences without document. The blocks of a
    split keep the order of the file.

    Args:
        blocks: The blocks of a whole file.
        ratios: The sizes of the splits. Their sum may be any number.
        seed: The random seed, which decides between equally good splits.
        target: The column whose values are the labels, instead of those of spans.

    Returns:
        The splits. A split with the ratio 0 is empty.

    Raises:
        ConfigError: A ratio is negative, or none is positive.
        DataError: There are fewer documents or sentences than splits.

    Source: Sechidis et al., "On the Stratification of Multi-Label Data", ECML 2011: the rarest
    labels first, each to the split that lacks most of them. There are two differences: documents
    are kept whole, and an empty split comes first.
    """
    if min(ratios) < 0 or not 0 < sum(ratios) < math.inf:
        raise ConfigError(
            "--ratios: must be finite numbers of at least 0, and not all 0. "
            f"Got {' '.join(f'{ratio:g}' for ratio in ratios)}."
        )
    groups = _groups(blocks)
    counts = [_counts(group, blocks, target) for group in groups]
    num_filled = sum(1 for count in counts if count)
    num_splits = sum(ratio > 0 for ratio in ratios)
    if num_filled < num_splits:
        raise DataError(
            f"split: {num_splits} splits need as many documents or different sentences. "
            f"Got {num_filled}."
        )
    chosen = _distribute(counts, [ratio / sum(ratios) for ratio in ratios], seed)
    indices: list[list[int]] = [[] for _ in ratios]
    for group, split in zip(groups, chosen, strict=True):
        indices[split].extend(group)
    return [[blocks[i] for i in sorted(split)] for split in indices]


def split_file(
    file: CorpusFile, out: Path, ratios: Sequence[float], seed: int
) -> tuple[dict[str, list[Block]], Counter[str]]:
    """Write a file as train, dev and test to a folder.

    Returns:
        The path of each new file with its blocks, and how many sentences lost what.

    Raises:
        ConfigError: The ratios or the format do not allow it, or a file exists already.
        DataError: The file cannot be read or written, or is too small.
    """
    splits = split_blocks(read_blocks(file), ratios, seed, file.options.target)
    named = zip(SPLIT_NAMES, splits, ratios, strict=True)
    written = {
        str(out / f"{name}{ending(file)}"): blocks for name, blocks, ratio in named if ratio > 0
    }
    for path in written:
        if Path(path).exists():
            raise ConfigError(f"--out: must be a folder without {Path(path).name}. Got {path!r}.")
    lost = Counter[str]()
    with together(out) as files:
        for path, blocks in written.items():
            files.append(Path(path))
            lost += write_blocks(blocks, file, path)
    return written, lost


def sample_blocks(blocks: Sequence[Block], size: int, seed: int) -> list[Block]:
    """Draw sentences at random, in the order of the file, with the boundaries of their documents.

    Raises:
        DataError: The file has fewer sentences than `size`.
    """
    filled = [i for i, block in enumerate(blocks) if block.sentence is not None]
    if size > len(filled):
        raise DataError(
            f"-n: must be at most {len(filled)}, the sentences of the file. Got {size}."
        )
    drawn = set(random.Random(seed).sample(filled, size))
    documents = {blocks[i].document for i in drawn}
    return [
        block
        for i, block in enumerate(blocks)
        if i in drawn or (block.sentence is None and block.document in documents)
    ]


def _groups(blocks: Sequence[Block]) -> list[list[int]]:
    """Group the indices of blocks that must be in the same split."""
    by_key: dict[object, list[int]] = {}
    for i, block in enumerate(blocks):
        key: object = i
        if block.document is not None:
            key = block.document
        elif block.sentence is not None and block.sentence.tokens:
            key = block.sentence.tokens
        by_key.setdefault(key, []).append(i)
    return list(by_key.values())


def _counts(group: Sequence[int], blocks: Sequence[Block], target: str | None) -> Counts:
    counts: Counts = Counter()
    for i in group:
        sentence = blocks[i].sentence
        if sentence is not None:
            counts.update(label for label, _ in labels_of(sentence, target))
            counts[SENTENCE_KEY] += 1
            counts[TOKEN_KEY] += len(sentence)
    return counts


def _distribute(counts: Sequence[Counts], shares: Sequence[float], seed: int) -> list[int]:
    """Choose a split for each group."""
    totals = Counter[object]()
    for count in counts:
        totals.update(count)
    lacking = [{label: share * n for label, n in totals.items()} for share in shares]
    generator = random.Random(seed)
    order = list(range(len(counts)))
    generator.shuffle(order)
    # The group with the rarest label has the least choice; of several, the largest one has.
    rarity = [min((totals[label] for label in count), default=0) for count in counts]
    order.sort(key=lambda i: (rarity[i], -counts[i][TOKEN_KEY]))
    wanted = [k for k, share in enumerate(shares) if share > 0]
    empty = set(wanted)
    largest = max(range(len(shares)), key=lambda k: shares[k])
    chosen = [0] * len(counts)
    num_left = sum(1 for count in counts if count)
    for i in order:
        if not counts[i]:
            chosen[i] = largest
            continue
        candidates = sorted(empty) if num_left <= len(empty) else wanted
        chosen[i] = max(candidates, key=lambda k: _gain(counts[i], lacking[k], totals, shares[k]))
        for label, count in counts[i].items():
            lacking[chosen[i]][label] -= count
        empty.discard(chosen[i])
        num_left -= 1
    return chosen


def _gain(counts: Counts, lacking: dict[object, float], totals: Counts, share: float) -> float:
    """Return how well a group fills what a split lacks, each label by its share of the whole."""
    gain = 0.0
    for label, count in counts.items():
        gain += count / totals[label] * lacking[label] / (share * totals[label])
    return gain
