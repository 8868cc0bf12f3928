"""Places in a text that count something else than characters, such as UTF-16 units or bytes."""

import bisect
import functools
import itertools

from ner.choices import OffsetUnit


def character_at(text: str, place: int, unit: OffsetUnit) -> int | None:
    r"""Return the index of the character that begins at a place counted in some unit.

    Args:
        text: The text.
        place: The number of units before the character; that of the whole text is its end.
        unit: What is counted: "characters", "utf16" for units of UTF-16, "bytes" for bytes of
            UTF-8, or "crlf" if line breaks count as one character where the text has "\r\n", and
            as two where it has none.

    Returns:
        The index, or None if no character begins there.

    >>> character_at("😀 Ada", 3, "utf16"), character_at("é!", 1, "bytes")
    (2, None)
    """
    borders = places(text, unit)
    i = bisect.bisect_left(borders, place)
    return i if i < len(borders) and borders[i] == place else None


@functools.lru_cache(maxsize=4)
def places(text: str, unit: OffsetUnit) -> list[int]:
    """Count the units before each character of a text, and those of the whole text.

    >>> places("😀 Ada", "utf16")
    [0, 2, 3, 4, 5, 6]
    """
    match unit:
        case "utf16":
            sizes = [1 + (c > "\uffff") for c in text]
        case "bytes":
            sizes = [len(c.encode("utf-8", "surrogatepass")) for c in text]
        case "crlf" if "\r\n" in text:
            sizes = [int(pair != ("\r", "\n")) for pair in itertools.pairwise(f"{text} ")]
        case "crlf":
            sizes = [1 + (c == "\n") for c in text]
        case _:
            sizes = [1] * len(text)
    return list(itertools.accumulate(sizes, initial=0))
