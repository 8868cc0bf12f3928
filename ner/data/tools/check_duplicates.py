"""Checks for repeated sentences: in their file, in another file, or with small differences.

Equal and nearly equal sentences are each found with one look-up in a dictionary. Nearly equal
sentences have the same key: digits are 0, letters are in lower case, and everything except letters
and digits is left out.
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
    NEAR_DUPLICATES,
    NEAR_SHARED_SENTENCES,
    SHARED_SENTENCES,
    Findings,
    Kind,
)

# Shorter sentences, such as the name of a place above a report, are repeated by chance.
FEWEST_TOKENS = 5

# With fewer letters, a key is not enough to call two sentences nearly equal.
FEWEST_LETTERS = 20

NUMBER = re.compile(r"\d+")

NOT_IN_KEY = re.compile(r"[^\w]+|_+")

# A sentence and its file.
Location = tuple[CorpusFile, Sentence]


def near_key(tokens: Sequence[str]) -> str | None:
    """Return the key that nearly equal sentences share; None if it has too few letters.

    >>> near_key(["Sales", "rose", "by", "7.5", "million", ",", "he", "said", "."])
    'sales rose by 0 0 million he said '
    """
    key = NUMBER.sub("0", NOT_IN_KEY.sub(" ", " ".join(tokens).casefold()))
    letters = len(key) - key.count("0") - key.count(" ")
    return key if letters >= FEWEST_LETTERS else None


def check_duplicates(files: Sequence[CorpusFile], findings: Findings) -> None:
    """Find equal and nearly equal sentences, in the order of the files."""
    first: dict[Sequence[str], Location] = {}
    first_near: dict[str, Location] = {}
    for file in files:
        repeated: Counter[Kind] = Counter()
        for sentence in file.sentences:
            tokens = sentence.tokens
            earlier = first.setdefault(tokens, (file, sentence))
            if earlier[1] is not sentence:
                kind = DUPLICATES if earlier[0] is file else SHARED_SENTENCES
                repeated[kind] += 1
                if len(tokens) >= FEWEST_TOKENS:
                    _report(kind, file, sentence, earlier, findings)
                continue
            key = near_key(tokens) if len(tokens) >= FEWEST_TOKENS else None
            if key is None:
                continue
            earlier = first_near.setdefault(key, (file, sentence))
            if earlier[1] is not sentence:
                kind = NEAR_DUPLICATES if earlier[0] is file else NEAR_SHARED_SENTENCES
                findings.add(kind, file.name, file.place(sentence), _repeats(sentence, earlier))
        for kind, count in repeated.items():
            remark = f"of {FEWEST_TOKENS} tokens or more; {count} of any length"
            findings.remark(kind, file.name, remark)


def _report(
    kind: Kind, file: CorpusFile, sentence: Sentence, earlier: Location, findings: Findings
) -> None:
    place = file.place(sentence)
    findings.add(kind, file.name, place, _repeats(sentence, earlier))
    spans, earlier_spans = set(_annotation(file, sentence)), set(_annotation(*earlier))
    if spans != earlier_spans:
        only_here, only_earlier = spans - earlier_spans, earlier_spans - spans
        example = f"{_shown(only_here, sentence)} here, {_shown(only_earlier, sentence)} in "
        findings.add(CONTRADICTIONS, file.name, place, example + earlier[0].place(earlier[1]))


def _annotation(file: CorpusFile, sentence: Sentence) -> Iterator[Span]:
    """Yield all annotation as spans; a label of the sentence becomes a span of all its tokens."""
    yield from sentence.spans or ()
    yield from (Span(0, len(sentence), label) for label in sentence.labels or ())
    column: Sequence[object] = sentence.allowed or ()
    if file.options.target is not None:
        column = sentence.columns[file.options.target]
    yield from (Span(i, i + 1, str(value)) for i, value in enumerate(column))


def _shown(spans: set[Span], sentence: Sentence) -> str:
    if not spans:
        return "nothing"
    start, end, label = min(spans)
    return f"{short(' '.join(sentence.tokens[start:end]))} {label}"


def _repeats(sentence: Sentence, earlier: Location) -> str:
    return f"{short(' '.join(sentence.tokens))}, as in {earlier[0].place(earlier[1])}"
