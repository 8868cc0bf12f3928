"""Spans to tags and back: IOB1, BIO and BIOES, and their spellings BMES and BILOU.

The tags of a file are read without knowing their scheme: one rule turns tags of any scheme into
spans. The scheme of the model is chosen when spans become tags again.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ner.choices import Scheme, Spelling

PREFIXES: dict[Scheme, str] = {"IOB1": "BI", "BIO": "BI", "BIOES": "BIES"}

# BMES writes M for a token inside; BILOU writes L for the last token and U for a single token.
PREFIX_LETTERS = {"B": "B", "I": "I", "E": "E", "S": "S", "M": "I", "L": "E", "U": "S"}


class Span(NamedTuple):
    """A label, and the tokens that have it: from `start` up to, but not including, `end`."""

    start: int
    end: int
    label: str


def normalize_tag(tag: str) -> str:
    """Spell a tag with the prefixes B, I, E, S.

    Raises:
        ValueError: The tag is neither O nor a prefix, a hyphen and a label.

    >>> [normalize_tag(tag) for tag in ("O", "M-ORG", "U-LOC")]
    ['O', 'I-ORG', 'S-LOC']
    """
    if tag == "O":
        return tag
    if len(tag) > 2 and tag[1] == "-" and tag[0] in PREFIX_LETTERS:
        return PREFIX_LETTERS[tag[0]] + tag[1:]
    raise ValueError(
        f"a tag must be O or a prefix (one of {' '.join(PREFIX_LETTERS)}), a hyphen and a label"
    )


def spans_from_tags(tags: Sequence[str]) -> list[Span]:
    """Read the spans out of a sequence of normalized tags, legal or not.

    A token continues the span before it only if it is I or E, the token before is B or I, and both
    have the same label. Any other tag except O starts a span. This is the rule of `conlleval.pl`,
    so scores agree with published ones.

    >>> spans_from_tags(["I-PER", "I-LOC", "O"])
    [Span(start=0, end=1, label='PER'), Span(start=1, end=2, label='LOC')]
    """
    spans: list[Span] = []
    start: int | None = None
    before = "O"
    for i, tag in enumerate([*tags, "O"]):
        continues = tag[0] in "IE" and before[0] in "BI" and tag[2:] == before[2:]
        if start is not None and not continues:
            spans.append(Span(start, i, before[2:]))
            start = None
        if tag != "O" and not continues:
            start = i
        before = tag
    return spans


def tags_from_spans(spans: Iterable[Span], length: int, scheme: Scheme) -> list[str]:
    """Write non-overlapping spans as the tags of a sentence of `length` tokens."""
    tags = ["O"] * length
    for start, end, label in sorted(spans):
        tags[start:end] = [f"I-{label}"] * (end - start)
        if scheme == "BIO" or (scheme == "IOB1" and start > 0 and tags[start - 1][2:] == label):
            tags[start] = f"B-{label}"
        elif scheme == "BIOES":
            tags[start], tags[end - 1] = f"B-{label}", f"E-{label}"
            if end - start == 1:
                tags[start] = f"S-{label}"
    return tags


def tag_set(labels: Iterable[str], scheme: Scheme) -> list[str]:
    """List every tag of a scheme: O, then the tags of each label, in the order of the labels.

    >>> tag_set(["PER"], "BIOES")
    ['O', 'B-PER', 'I-PER', 'E-PER', 'S-PER']
    """
    return ["O", *(f"{prefix}-{label}" for label in labels for prefix in PREFIXES[scheme])]


def is_legal(tag: str, following: str, scheme: Scheme) -> bool:
    """Whether `following` may be the next tag after `tag`. Both edges of a sentence count as O."""
    same_label = tag[2:] == following[2:]
    inside = tag[0] in "BI" and same_label
    match scheme:
        case "BIO":
            return following[0] != "I" or inside
        case "IOB1":
            return following[0] != "B" or inside
        case "BIOES":
            return (
                (following[0] in "IE" and same_label) if tag[0] in "BI" else following[0] in "OBS"
            )


def legal_transitions(tags: Sequence[str], scheme: Scheme) -> NDArray[np.bool_]:
    """Return the table of `is_legal`, (C, C): the row is a tag, the column the tag after it.

    The whole table is computed at once: a model of 1,000 entity types has 16 million steps.
    """
    prefixes = np.array([tag[0] for tag in tags])
    ids: dict[str, int] = {}
    labels = np.array([ids.setdefault(tag[2:], len(ids)) for tag in tags])
    same_label = labels[:, None] == labels
    opened = np.isin(prefixes, ("B", "I"))[:, None]
    match scheme:
        case "BIO":
            return (prefixes != "I") | (opened & same_label)
        case "IOB1":
            return (prefixes != "B") | (opened & same_label)
        case "BIOES":
            continues = np.isin(prefixes, ("I", "E")) & same_label
            return np.where(opened, continues, np.isin(prefixes, ("O", "B", "S")))


def legal_steps(
    tags: Sequence[str], scheme: Scheme
) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which tags may begin a sentence (C), follow each other (C, C), and end it (C).

    Raises:
        ValueError: The scheme is IOB1, in which the tags of a span depend on the span before it.
    """
    if scheme not in ("BIO", "BIOES"):
        raise ValueError(f"scheme: must be BIO or BIOES. Got {scheme!r}.")
    first = np.array([is_legal("O", tag, scheme) for tag in tags])
    last = np.array([is_legal(tag, "O", scheme) for tag in tags])
    return first, legal_transitions(tags, scheme), last


def span_tags(label: str, length: int, scheme: Scheme) -> list[str]:
    """Write the tags of one span of `length` tokens. In BIO and BIOES there is only one way."""
    return tags_from_spans([Span(0, length, label)], length, scheme)


# The scheme of each spelling, and its letters for B, I, E and S.
SCHEME_SPELLINGS: Mapping[Spelling, tuple[Scheme, str]] = {
    "IOB1": ("IOB1", "BIES"),
    "BIO": ("BIO", "BIES"),
    "IOB2": ("BIO", "BIES"),
    "BIOES": ("BIOES", "BIES"),
    "BILOU": ("BIOES", "BILU"),
    "BMES": ("BIOES", "BMES"),
}


def spelled_tags(spans: Iterable[Span], length: int, spelling: Spelling) -> list[str]:
    """Write non-overlapping spans as the tags of a sentence of `length` tokens.

    >>> spelled_tags([Span(0, 3, "LOC"), Span(3, 4, "PER")], 4, "BILOU")
    ['B-LOC', 'I-LOC', 'L-LOC', 'U-PER']
    """
    scheme, letters = SCHEME_SPELLINGS[spelling]
    tags = tags_from_spans(spans, length, scheme)
    if letters == "BIES":
        return tags
    spelled = dict(zip("BIES", letters, strict=True))
    return [spelled[tag[0]] + tag[1:] if tag != "O" else tag for tag in tags]
