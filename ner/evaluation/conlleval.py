"""The spans that `conlleval.pl` sees in raw tags, to say where published figures may differ.

Source: the script of the CoNLL-2000 shared task, version 2004-01-26, by Erik Tjong Kim Sang. It
knows the prefixes B, I and E. Other letters, such as S, M, L and U, only begin or end a span where
the label changes, so that it joins neighbours with the same label.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from ner.data.schemes import Span

# Two tags with one label between which a span ends and another one begins.
BORDERS = frozenset(("BB", "IB", "EE", "EI"))


def conlleval_spans(tags: Iterable[str]) -> Iterator[Span]:
    """Yield the spans of a sentence by its tags as they are in the file.

    >>> list(conlleval_spans(["S-PER", "S-PER", "M-PER", "B-LOC"]))
    [Span(start=0, end=3, label='PER'), Span(start=3, end=4, label='LOC')]
    """
    start, before, label = 0, "O", ""
    for i, tag in enumerate((*tags, "O")):
        prefix, _, found = tag.partition("-")
        if before != "O" and (found != label or prefix == "O" or before + prefix in BORDERS):
            yield Span(start, i, label)
            before = "O"
        if before == "O":
            start = i
        before, label = prefix, found


def count_spans(
    gold: Sequence[Iterable[Span]], predicted: Sequence[Iterable[Span]]
) -> dict[str, Counter[str]]:
    """Count right, predicted and gold spans by their labels.

    Args:
        gold: The gold spans of each sentence.
        predicted: The predicted spans of each sentence, as many as gold ones.
    """
    counts = {kind: Counter[str]() for kind in ("right", "predicted", "gold")}
    for expected, found in zip(map(set, gold), map(set, predicted), strict=True):
        counts["gold"].update(span.label for span in expected)
        counts["predicted"].update(span.label for span in found)
        counts["right"].update(span.label for span in expected & found)
    return counts
