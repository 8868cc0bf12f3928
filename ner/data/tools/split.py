"""Cut a file into train, dev and test, or draw a sample of it, as a seed says."""

import math
import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from ner.data.tools.blocks import Block, ending, read_pieces, write_pieces
from ner.data.tools.corpus_file import CorpusFile, labels_of
from ner.errors import ConfigError, DataError

NAMES = ("train", "dev", "test")

# Counted with the labels, so that the parts also have their share of these. No label is a tuple.
SENTENCES, TOKENS = ("sentences",), ("tokens",)

Counts = Counter[object]


def split_pieces(
    pieces: Sequence[Block], ratios: Sequence[float], seed: int, target: str | None = None
) -> list[list[Block]]:
    """Deal pieces out, so that each part has its share of every label, of sentences and of tokens.

    All of a document goes to one part, and so do equal sentences that have none. Within a part,
    everything stands in the order of the file.

    Args:
        pieces: All of a file.
        ratios: The size of each part; their sum may be anything.
        seed: Decides among equally good splits.
        target: The column whose values are labels, in place of those of spans.

    Returns:
        The parts; one with the ratio 0 is empty.

    Raises:
        ConfigError: A ratio is negative or none is positive.
        DataError: There are too few documents or sentences for so many parts.

    Source: Sechidis et al., "On the Stratification of Multi-Label Data", ECML 2011: labels that
    are rarest first, each to the part that lacks most of them. Different is that documents are
    dealt out whole, and that a part without any is served first.
    """
    if min(ratios) < 0 or not 0 < sum(ratios) < math.inf:
        raise ConfigError(
            "--ratios: numbers of at least 0, one of them more, and no sum beyond all limits. "
            f"Got {' '.join(f'{ratio:g}' for ratio in ratios)}."
        )
    groups = _groups(pieces)
    counts = [_counts(group, pieces, target) for group in groups]
    with_text = sum(1 for count in counts if count)
    wanted = sum(ratio > 0 for ratio in ratios)
    if with_text < wanted:
        raise DataError(
            f"split: {wanted} parts need as many documents or different sentences. Got {with_text}."
        )
    chosen = _deal(counts, [ratio / sum(ratios) for ratio in ratios], seed)
    members: list[list[int]] = [[] for _ in ratios]
    for group, part in zip(groups, chosen, strict=True):
        members[part].extend(group)
    return [[pieces[i] for i in sorted(part)] for part in members]


def split_part(
    part: CorpusFile, out: Path, ratios: Sequence[float], seed: int
) -> tuple[dict[str, list[Block]], Counter[str]]:
    """Write a file as train, dev and test into a folder.

    Returns:
        The path of each file with what is in it, and how many sentences lost what.

    Raises:
        ConfigError: Ratios or format do not allow it, or a file is there already.
        DataError: The file cannot be read or written, or is too small.
    """
    parts = split_pieces(read_pieces(part), ratios, seed, part.options.target)
    named = zip(NAMES, parts, ratios, strict=True)
    written = {str(out / f"{name}{ending(part)}"): one for name, one, ratio in named if ratio > 0}
    for path in written:
        if Path(path).exists():
            raise ConfigError(f"--out: a folder without {Path(path).name} is needed. Got {path!r}.")
    out.mkdir(parents=True, exist_ok=True)
    lost = Counter[str]()
    for path, one in written.items():
        lost += write_pieces(one, part, path)
    return written, lost


def sample_pieces(pieces: Sequence[Block], size: int, seed: int) -> list[Block]:
    """Draw so many sentences, in the order of the file; borders of their documents come along.

    Raises:
        DataError: There are fewer sentences.
    """
    with_sentence = [i for i, piece in enumerate(pieces) if piece.sentence is not None]
    if size > len(with_sentence):
        raise DataError(f"-n: at most the {len(with_sentence)} sentences of the file. Got {size}.")
    drawn = set(random.Random(seed).sample(with_sentence, size))
    documents = {pieces[i].document for i in drawn}
    return [
        piece
        for i, piece in enumerate(pieces)
        if i in drawn or (piece.sentence is None and piece.document in documents)
    ]


def _groups(pieces: Sequence[Block]) -> list[list[int]]:
    """Put together what must not be torn apart."""
    by_key: dict[object, list[int]] = {}
    for i, piece in enumerate(pieces):
        key: object = i
        if piece.document is not None:
            key = piece.document
        elif piece.sentence is not None and piece.sentence.tokens:
            key = piece.sentence.tokens
        by_key.setdefault(key, []).append(i)
    return list(by_key.values())


def _counts(group: Sequence[int], pieces: Sequence[Block], target: str | None) -> Counts:
    counts: Counts = Counter()
    for i in group:
        sentence = pieces[i].sentence
        if sentence is not None:
            counts.update(label for label, _ in labels_of(sentence, target))
            counts[SENTENCES] += 1
            counts[TOKENS] += len(sentence)
    return counts


def _deal(counts: Sequence[Counts], shares: Sequence[float], seed: int) -> list[int]:
    """Choose a part for each group."""
    totals = Counter[object]()
    for count in counts:
        totals.update(count)
    lacking = [{label: share * n for label, n in totals.items()} for share in shares]
    generator = random.Random(seed)
    order = list(range(len(counts)))
    generator.shuffle(order)
    # What holds the rarest label has the least choice; among those, the biggest has.
    rarity = [min((totals[label] for label in count), default=0) for count in counts]
    order.sort(key=lambda i: (rarity[i], -counts[i][TOKENS]))
    empty = {k for k, share in enumerate(shares) if share > 0}
    chosen = [0] * len(counts)
    biggest = max(range(len(shares)), key=lambda k: shares[k])
    left = sum(1 for count in counts if count)
    for i in order:
        if not counts[i]:
            chosen[i] = biggest
            continue
        open_parts = sorted(empty) if left <= len(empty) else [k for k, s in enumerate(shares) if s]
        chosen[i] = max(open_parts, key=lambda k: _gain(counts[i], lacking[k], totals, shares[k]))
        for label, count in counts[i].items():
            lacking[chosen[i]][label] -= count
        empty.discard(chosen[i])
        left -= 1
    return chosen


def _gain(counts: Counts, lacking: dict[object, float], totals: Counts, share: float) -> float:
    """Say how well a group serves what a part lacks, each label by its share of the whole."""
    gain = 0.0
    for label, count in counts.items():
        gain += count / totals[label] * lacking[label] / (share * totals[label])
    return gain
