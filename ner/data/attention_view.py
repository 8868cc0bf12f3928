"""The weight of each token of a text in a decision, and how a terminal shows it as a shade.

Shades are relative: the token with the largest weight has the full shade. All of the text is shown.
`ner.data.html_view` shows the same on pages.
"""

from collections.abc import Iterator, Sequence

from ner.data.sentence import Sentence
from ner.display import visible
from ner.errors import ConfigError

# From faint to full, among the 256 colours of terminals; text on them is black.
SHADES = (230, 229, 222, 221, 215, 214, 208)
BLACK, RESET = 16, "\x1b[0m"


def token_weights(sentence: Sentence, head: int | None = None) -> tuple[float, ...]:
    """Return the attention of each token of a classified text.

    Args:
        sentence: A sentence with a prediction.
        head: The number of the head, from 0; None means the mean of all heads.

    Raises:
        ConfigError: The prediction has no attention, or there is no such head.
    """
    rows = () if sentence.prediction is None else sentence.prediction.attention
    if not len(sentence):
        return ()
    if not rows:
        raise ConfigError(
            "sentence: must have attention, which models have whose pooling.kinds include "
            "attention or structured. Got none."
        )
    if head is None:
        return tuple(sum(column) / len(rows) for column in zip(*rows, strict=True))
    if not 0 <= head < len(rows):
        raise ConfigError(f"head: must be from 0 to {len(rows) - 1}. Got {head}.")
    return tuple(rows[head])


def shade_terminal(sentence: Sentence, weights: Sequence[float] | None, color: bool = True) -> str:
    """Show the text of a sentence with a background behind each token.

    Control characters are shown as escapes, so that no text can control the terminal.

    Args:
        sentence: The text and its tokens.
        weights: One weight a token, at least 0; None shows the text alone.
        color: Whether to use colours; otherwise the weight follows each token, in percent.

    >>> shade_terminal(Sentence(["So", "good"]), [0.1, 0.9], color=False)
    'So[10] good[90]'
    """
    pieces: list[str] = []
    for text, weight, strength in weighted_pieces(sentence, weights):
        shown = visible(text)
        if weight is not None and not color:
            shown += f"[{round(100 * weight)}]"
        elif round(strength * len(SHADES)):
            shade = SHADES[round(strength * len(SHADES)) - 1]
            shown = f"\x1b[48;5;{shade};38;5;{BLACK}m{shown}{RESET}"
        pieces.append(shown)
    return "".join(pieces)


def weighted_pieces(
    sentence: Sentence, weights: Sequence[float] | None
) -> Iterator[tuple[str, float | None, float]]:
    """Cut a text into tokens and the gaps between them.

    Yields:
        A piece of the text, its weight (None for a gap), and the strength of its shade in [0, 1].

    Raises:
        ValueError: There are more or fewer weights than tokens.
    """
    if weights is None:
        yield sentence.text, None, 0.0
        return
    if len(weights) != len(sentence):
        raise ValueError(
            f"weights: must be one for each of {len(sentence)} tokens. Got {len(weights)}."
        )
    heaviest = max(weights, default=0.0) or 1.0
    before = 0
    for (start, end), weight in zip(sentence.offsets, weights, strict=True):
        start = max(before, start)  # two words may share one range of the text
        yield sentence.text[before:start], None, 0.0
        yield sentence.text[start:end], weight, weight / heaviest
        before = end
    yield sentence.text[before:], None, 0.0
