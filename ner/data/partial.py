"""Partial annotation: the tags that each token may have, if nobody knows the right one for certain.

A tag may also have a weight, so that the annotation is soft: training then sums over all paths,
each by the product of the weights of its tags. Weights of 0 and 1 are those of partial annotation.

In a column file, `?` is an unknown tag, and `B-PER|B-ORG` is one of several tags. In JSON lines,
a record with `"partial": true` has unknown tags wherever it marks no span.

Source: Tsuboi et al., "Training Conditional Random Fields Using Incomplete Annotations",
COLING 2008. With weights, the sum is that of a noisy channel: each weight is the probability of
what was seen, given a tag.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ner.data.schemes import (
    Scheme,
    Span,
    is_legal,
    legal_transitions,
    normalize_tag,
    spans_from_tags,
    tags_from_spans,
)

UNKNOWN = "?"
OR = "|"

# For each token the tags it may have, with the prefixes B, I, E, S; none means any.
Allowed = Sequence[tuple[str, ...]]
# The weight of each of these tags.
Weights = Sequence[tuple[float, ...]]


def is_partial(tag: str) -> bool:
    """Whether a tag of a file leaves open what the token is."""
    return tag == UNKNOWN or OR in tag


def normalize_partial(tag: str) -> str:
    """Spell a tag, or each of several tags, as `normalize_tag` does; `?` stays.

    >>> normalize_partial("U-PER|O")
    'S-PER|O'
    """
    return tag if tag == UNKNOWN else OR.join(map(normalize_tag, tag.split(OR)))


class NormalizedTags(dict[str, str]):
    """Tags as `normalize_partial` spells them. Each distinct tag of a file is checked once.

    A tag without a prefix raises ValueError.

    >>> NormalizedTags()["U-PER"]
    'S-PER'
    """

    def __missing__(self, tag: str) -> str:
        try:
            normalized = self[tag] = normalize_partial(tag)
        except ValueError as error:
            raise ValueError(f"{error}. Got {tag!r}.") from None
        return normalized


def annotation_from_tags(tags: Sequence[str]) -> dict[str, Any]:
    """Return the annotation of a sentence by its normalized tags.

    Returns:
        The field `allowed` of the sentence if a tag is partial, else its field `spans`.

    >>> annotation_from_tags(["S-PER", "?"])
    {'allowed': (('S-PER',), ())}
    """
    distinct = set(tags)
    if any(map(is_partial, distinct)):
        return {"allowed": allowed_from_tags(tags)}
    return {"spans": spans_from_tags(tags) if distinct != {"O"} else ()}


def allowed_from_tags(tags: Iterable[str]) -> Allowed:
    """Read normalized tags, partial or not."""
    return tuple(() if tag == UNKNOWN else tuple(tag.split(OR)) for tag in tags)


def tags_from_allowed(allowed: Allowed) -> list[str]:
    """Write the tags that `allowed_from_tags` reads."""
    return [OR.join(tags) or UNKNOWN for tags in allowed]


def allowed_from_spans(spans: Iterable[Span], length: int) -> Allowed:
    """Fix the tags of the tokens inside spans, and allow any tag for the other tokens."""
    tags = tags_from_spans(spans, length, "BIOES")
    return tuple(() if tag == "O" else (tag,) for tag in tags)


def allowed_table(allowed: Allowed, tags: Sequence[str], scheme: Scheme) -> NDArray[np.bool_]:
    """Return which of a model's tags each token may have: (T, C).

    In a file, B starts a span, E ends one, and S does both. I and E continue a span if the token
    before may be inside a span with the same label, and they may start one unless the token before
    is certainly inside such a span.

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


def weight_table(
    allowed: Allowed, weights: Weights, tags: Sequence[str], scheme: Scheme
) -> NDArray[np.float32]:
    """Return the log weight of each of a model's tags at each token: (T, C); -inf forbids a tag.

    Args:
        allowed: The tags that each token may have, in the scheme BIO; none means that nothing is
            known of the token.
        weights: The weight of each of these tags.
        tags: The tags of the model.
        scheme: Their scheme.

    Raises:
        ValueError: No legal sequence of tags is left.
    """
    as_bio = {"E": "I", "S": "B"}
    columns: dict[str, list[int]] = {}
    for i, tag in enumerate(tags):
        columns.setdefault(as_bio.get(tag[0], tag[0]) + tag[1:], []).append(i)
    table = np.full((len(allowed), len(tags)), -np.inf, dtype=np.float32)
    for row, options, factors in zip(table, allowed, weights, strict=True):
        if not options:
            row[:] = 0.0
        for tag, weight in zip(options, factors, strict=True):
            row[columns.get(tag, [])] = math.log(weight)
    _check_reachable(table > -np.inf, tags, scheme)
    return table


def check_allowed(allowed: Allowed, length: int, spans: Sequence[Span] | None) -> None:
    """Refuse tags that do not go with their sentence.

    Raises:
        ValueError: They are not as many as its tokens, or it has spans as well.
    """
    if len(allowed) != length or spans is not None:
        raise ValueError(
            "allowed: must be tags for each token, without spans. "
            f"Got {len(allowed)} for {length} tokens."
        )


def check_weights(allowed: Allowed | None, weights: Weights) -> None:
    """Refuse weights that do not go with allowed tags.

    Raises:
        ValueError: There is not one number above 0 for each of these tags.
    """
    counts = None if allowed is None else [*map(len, allowed)]
    if counts != [*map(len, weights)]:
        raise ValueError(
            "allowed_weights: must be a number for each tag of allowed. Got other counts."
        )
    for weight in (weight for each in weights for weight in each):
        if not 0 < weight < math.inf:
            raise ValueError(f"allowed_weights: must be finite and above 0. Got {weight}.")


def allowed_labels(allowed: Allowed) -> set[str]:
    """Return the labels that occur in the allowed tags."""
    return {tag[2:] for options in allowed for tag in options if tag != "O"}


def _meanings(tag: str, before: tuple[str, ...], scheme: Scheme) -> set[str]:
    """List the tags of a model's scheme that a file's tag may mean, after the tags before it."""
    if tag == "O":
        return {tag}
    prefix, label = tag[0], tag[2:]
    opened = (f"B-{label}", f"I-{label}")
    may_continue = prefix in "IE" and (not before or any(b in opened for b in before))
    may_start = prefix in "BS" or not before or any(b not in opened for b in before)
    first, middle = ("B", "I") if scheme == "BIO" else ("BS", "IE")
    if scheme == "BIOES" and prefix in "ES":
        first, middle = "S", "E"
    prefixes = first * may_start + middle * may_continue
    return {f"{p}-{label}" for p in prefixes}


def _check_reachable(table: NDArray[np.bool_], tags: Sequence[str], scheme: Scheme) -> None:
    legal = legal_transitions(tags, scheme)
    reached = np.array([is_legal("O", tag, scheme) for tag in tags])
    for t, row in enumerate(table):
        reached = (reached @ legal if t else reached) & row
    if not any(is_legal(tags[i], "O", scheme) for i in np.flatnonzero(reached).tolist()):
        raise ValueError(
            f"some sequence of the allowed tags must be legal in the scheme {scheme}. Got none. "
            "Mend the tags, or write ? where the tag is not known."
        )
