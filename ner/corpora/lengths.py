"""Texts without tokens, and what is far longer than all else of its kind."""

from collections.abc import Sequence

from ner.corpora.findings import Findings
from ner.corpora.kinds import EMPTY, LONG_ENTITIES, LONG_SENTENCES, LONG_TOKENS
from ner.corpora.parts import Part
from ner.data.lines import short

# A sentence is far longer than all others if it has more than so many times the tokens of those
# that 99 of 100 do not exceed, or, in a small file, more than any sentence should have.
SENTENCE_RATIO, LONG_SENTENCE, ANY_SENTENCE = 5, 100, 1000
ENTITY_RATIO, LONG_ENTITY = 3, 10
LONG_TOKEN = 100
ADDRESS = ("://", "www.", "@")


def percentile(values: Sequence[int], share: float) -> int:
    """Give the smallest value that this share of the values does not exceed; 0 if there are none.

    >>> percentile([3, 1, 2, 10], 0.5)
    2
    """
    ordered = sorted(values)
    return ordered[max(0, -int(-share * len(ordered) // 1) - 1)] if ordered else 0


def check_lengths(part: Part, findings: Findings) -> None:
    """Find what is empty, or far longer than all others."""
    for sentence in part.empty:
        findings.add(EMPTY, part.name, part.place(sentence), short(sentence.text))
    usual = percentile([len(sentence) for sentence in part.sentences], 0.99)
    spans = [(s, span) for s in part.sentences for span in s.spans or ()]
    usual_entity = percentile([span.end - span.start for _, span in spans], 0.99)
    limit = min(ANY_SENTENCE, max(LONG_SENTENCE, SENTENCE_RATIO * usual))
    for sentence in part.sentences:
        if len(sentence) > limit:
            example = f"{len(sentence)} tokens; 99 % have {usual} at most"
            findings.add(LONG_SENTENCES, part.name, part.place(sentence), example)
        if len(sentence.text) <= LONG_TOKEN:
            continue
        for i, token in enumerate(sentence.tokens):
            if len(token) > LONG_TOKEN and not any(mark in token for mark in ADDRESS):
                example = f"{len(token)} characters: {short(token)}"
                findings.add(LONG_TOKENS, part.name, part.place(sentence, i), example)
    limit = max(LONG_ENTITY, ENTITY_RATIO * usual_entity)
    for sentence, span in spans:
        length = span.end - span.start
        if length > limit:
            text = " ".join(sentence.tokens[span.start : span.end])
            example = f"{length} tokens of {span.label}, 99 % have {usual_entity} at most: "
            findings.add(
                LONG_ENTITIES, part.name, part.place(sentence, span.start), example + short(text)
            )
