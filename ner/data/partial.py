"""Partial annotation: what each token may be, where no one has said for certain.

In a column file `?` stands for an unknown tag, and `B-PER|B-ORG` for one of several; in JSON lines
a record with `"partial": true` has unknown tags wherever it marks no span.

Source: Tsuboi et al., "Training Conditional Random Fields Using Incomplete Annotations",
COLING 2008.
"""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from ner.data.schemes import (
    Scheme,
    Span,
    is_legal,
    legal_transitions,
    normalize_tag,
    tags_from_spans,
)

UNKNOWN = "?"

OR = "|"

# For each token the tags it may have, with the prefixes B, I, E, S; none means any.
Allowed = Sequence[tuple[str, ...]]


def is_partial(tag: str) -> bool:
    """Whether a tag of a file leaves open what the token is."""
    return tag == UNKNOWN or OR in tag


def normalize_partial(tag: str) -> str:
    """Spell a tag, or each of several, as `normalize_tag` does; `?` stays.

    >>> normalize_partial("U-PER|O")
    'S-PER|O'
    """
    return tag if tag == UNKNOWN else OR.join(map(normalize_tag, tag.split(OR)))


def allowed_from_tags(tags: Iterable[str]) -> Allowed:
    """Read normalized tags, partial or not."""
    return tuple(() if tag == UNKNOWN else tuple(tag.split(OR)) for tag in tags)


def tags_from_allowed(allowed: Allowed) -> list[str]:
    """Write what `allowed_from_tags` reads."""
    return [OR.join(tags) or UNKNOWN for tags in allowed]


def allowed_from_spans(spans: Iterable[Span], length: int) -> Allowed:
    """Fix the tokens of spans, and leave all others open."""
    tags = tags_from_spans(spans, length, "BIOES")
    return tuple(() if tag == "O" else (tag,) for tag in tags)


def allowed_table(allowed: Allowed, tags: Sequence[str], scheme: Scheme) -> NDArray[np.bool_]:
    """Say which of a model's tags each token may have: (T, C).

    A file's B says that a span starts, E that one ends, S both; I and E go on with a span if one
    of their label may be open before them, and may start one unless it certainly is.

    Raises:
        ValueError: No legal sequence of tags is left.
    """
    table = np.zeros((len(allowed), len(tags)), dtype=bool)
    for t, options in enumerate(allowed):
        before = allowed[t - 1] if t else ("O",)
        meant = {m for option in options for m in _meanings(option, before, scheme)}
        table[t] = [not options or tag in meant for tag in tags]
    _check_reachable(table, tags, scheme)
    return table


def allowed_labels(allowed: Allowed) -> set[str]:
    """Name the labels that occur."""
    return {tag[2:] for options in allowed for tag in options if tag != "O"}


def _meanings(tag: str, before: tuple[str, ...], scheme: Scheme) -> set[str]:
    """List the tags of a model's scheme that a file's tag may stand for, after what is before."""
    if tag == "O":
        return {tag}
    prefix, label = tag[0], tag[2:]
    opened = (f"B-{label}", f"I-{label}")
    may_go_on = prefix in "IE" and (not before or any(b in opened for b in before))
    may_start = prefix in "BS" or not before or any(b not in opened for b in before)
    first, middle = ("B", "I") if scheme == "BIO" else ("BS", "IE")
    if scheme == "BIOES" and prefix in "ES":
        first, middle = "S", "E"
    prefixes = first * may_start + middle * may_go_on
    return {f"{p}-{label}" for p in prefixes}


def _check_reachable(table: NDArray[np.bool_], tags: Sequence[str], scheme: Scheme) -> None:
    legal = legal_transitions(tags, scheme)
    reached = np.array([is_legal("O", tag, scheme) for tag in tags])
    for t, row in enumerate(table):
        reached = (reached @ legal if t else reached) & row
    if not any(is_legal(tags[i], "O", scheme) for i in np.flatnonzero(reached).tolist()):
        raise ValueError("the tags that are left open allow no legal sequence")
