"""Cut long texts into tokens block by block, just as a whole text is cut.

A cutter goes from token to token: from the end of one, it finds the next. What it finds depends on
that place alone, on a few characters before it, and on what follows. So two runs that have met at
the end of a token find the same ones from there on, as long as both see enough of the text.
"""

from collections.abc import Callable

from ner.data.token_ranges import TokenRanges

# Returns the ranges of the tokens of a text.
Cut = Callable[[str], list[tuple[int, int]]]

# Characters that are cut at a time. Shorter texts are cut as a whole.
BLOCK = 1 << 16

# Tokens so near to the end of a block are found again in the next block. A rule looks through any
# run of white space after a token, and at most at MOST_PARTS characters in brackets besides.
MARGIN = 4096

# Characters before a token that a rule may look at are far fewer.
BEFORE = 1024

# Tokens that occur again share one string, until so many different ones are known.
KNOWN = 1 << 16


def cut_long_text(text: str, cut: Cut, block: int = BLOCK) -> tuple[list[str], TokenRanges]:
    """Cut a text into tokens, as `cut` does.

    Args:
        text: The text.
        cut: Cuts a part of a text, by the rules of `ner.data.token_patterns`.
        block: The number of characters to cut at once; more if a token is longer.

    Returns:
        The tokens and their ranges in the text.
    """
    tokens: list[str] = []
    ranges = TokenRanges()
    known: dict[str, str] = {}
    reached, before, size = 0, 0, block
    while True:
        begin, end = max(0, reached - before), min(len(text), reached + size)
        places = cut(text[begin:end])
        first = _after(places, reached - begin) if reached else 0
        if first is None:
            before *= 8  # this run has not met the last one
            continue
        limit = end if end == len(text) else _last_letter(text, begin, end) - MARGIN
        found = [(begin + a, begin + b) for a, b in places[first:] if begin + b <= limit]
        ranges.extend(found)
        for start, stop in found:
            token = text[start:stop]
            tokens.append(known.setdefault(token, token))
        if end == len(text):
            return tokens, ranges
        if found:
            reached, before, size = found[-1][1], BEFORE, block
        else:
            size *= 2  # a token, or a gap, is longer than the block
        if len(known) > KNOWN:
            known.clear()


def _after(places: list[tuple[int, int]], reached: int) -> int | None:
    """Return the number of the first token after one that ends at a place; None without any."""
    return next((i for i, (_, end) in enumerate(places, 1) if end == reached), None)


def _last_letter(text: str, begin: int, end: int) -> int:
    """Return where the last character of a block is that is no white space."""
    return begin + len(text[begin:end].rstrip())
