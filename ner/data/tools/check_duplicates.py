"""Sentences that come again: in their file, in another one, or nearly as they were.

Exactly equal and nearly equal sentences are found by one look into a dictionary each; nearly equal
are those with one key: digits as 0, case folded, everything but letters and digits left out.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from ner.data.lines import short
from ner.data.schemes import Span
from ner.data.sentence import Sentence
from ner.data.tools.corpus_file import CorpusFile
from ner.data.tools.findings import (
    CONTRADICTIONS,
    DUPLICATES,
    NEAR,
    NEAR_SHARED,
    SHARED,
    Findings,
    Kind,
)

# Shorter sentences, such as names of places above a report, come again by chance.
FEWEST_TOKENS = 5

# Fewer letters than this say too little to call two sentences nearly equal.
FEWEST_LETTERS = 20

NUMBER = re.compile(r"\d+")

OTHER = re.compile(r"[^\w]+|_+")


def near_key(tokens: Sequence[str]) -> str | None:
    """Give the key that nearly equal sentences have in common; None where it says too little.

    >>> near_key(["Sales", "rose", "by", "7.5", "million", ",", "he", "said", "."])
    'sales rose by 0 0 million he said '
    """
    key = NUMBER.sub("0", OTHER.sub(" ", " ".join(tokens).casefold()))
    letters = len(key) - key.count("0") - key.count(" ")
    return key if letters >= FEWEST_LETTERS else None


def check_duplicates(parts: Sequence[CorpusFile], findings: Findings) -> None:
    """Find sentences that come again, exactly or nearly, in the order of the files."""
    first: dict[Sequence[str], tuple[CorpusFile, Sentence]] = {}
    near: dict[str, tuple[CorpusFile, Sentence]] = {}
    for part in parts:
        repeated: Counter[Kind] = Counter()
        for sentence in part.sentences:
            tokens = sentence.tokens
            known = first.setdefault(tokens, (part, sentence))
            if known[1] is not sentence:
                kind = DUPLICATES if known[0] is part else SHARED
                repeated[kind] += 1
                if len(tokens) >= FEWEST_TOKENS:
                    _report(kind, part, sentence, known, findings)
                continue
            key = near_key(tokens) if len(tokens) >= FEWEST_TOKENS else None
            if key is None:
                continue
            like = near.setdefault(key, (part, sentence))
            if like[1] is not sentence:
                kind = NEAR if like[0] is part else NEAR_SHARED
                findings.add(kind, part.name, part.place(sentence), _like(sentence, like))
        for kind, count in repeated.items():
            remark = f"of {FEWEST_TOKENS} tokens or more; of any length {count}"
            findings.remark(kind, part.name, remark)


def _report(
    kind: Kind,
    part: CorpusFile,
    sentence: Sentence,
    known: tuple[CorpusFile, Sentence],
    findings: Findings,
) -> None:
    place = part.place(sentence)
    findings.add(kind, part.name, place, _like(sentence, known))
    here, there = set(_annotation(part, sentence)), set(_annotation(*known))
    if here != there:
        example = f"{_only(here - there, sentence)} here, {_only(there - here, sentence)} in "
        findings.add(CONTRADICTIONS, part.name, place, example + known[0].place(known[1]))


def _annotation(part: CorpusFile, sentence: Sentence) -> Iterator[Span]:
    """Give all annotation as spans; a label of the whole sentence spans all of its tokens."""
    yield from sentence.spans or ()
    yield from (Span(0, len(sentence), label) for label in sentence.labels or ())
    column: Sequence[object] = sentence.allowed or ()
    if part.options.target is not None:
        column = sentence.columns[part.options.target]
    yield from (Span(i, i + 1, str(value)) for i, value in enumerate(column))


def _only(spans: set[Span], sentence: Sentence) -> str:
    if not spans:
        return "nothing"
    start, end, label = min(spans)
    return f"{short(' '.join(sentence.tokens[start:end]))} {label}"


def _like(sentence: Sentence, known: tuple[CorpusFile, Sentence]) -> str:
    return f"{short(' '.join(sentence.tokens))}, as in {known[0].place(known[1])}"
