"""Show the weight of each token of a text as a shade: in a terminal, or on a page of HTML.

Shades are relative: the token with the largest weight has the full shade. All of the text is shown.
"""

import html
from collections.abc import Iterable, Iterator, Sequence

from ner.data.sentence import Sentence
from ner.display import visible
from ner.errors import ConfigError

# From faint to full, among the 256 colours of terminals; text on them is black.
SHADES = (230, 229, 222, 221, 215, 214, 208)
BLACK, RESET = 16, "\x1b[0m"

PAGE_HEAD = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>{title}</title>
<style>
body {{ max-width: 50em; margin: 2em auto; padding: 0 1em; font-family: sans-serif; }}
p {{ white-space: pre-wrap; overflow-wrap: anywhere; line-height: 1.6; }}
mark {{ color: black; border-radius: 0.2em; }}
</style>
</head>
<body>"""

PAGE_TAIL = """\
</body>
</html>"""


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
    for text, weight, strength in _pieces(sentence, weights):
        shown = visible(text)
        if weight is not None and not color:
            shown += f"[{round(100 * weight)}]"
        elif round(strength * len(SHADES)):
            shade = SHADES[round(strength * len(SHADES)) - 1]
            shown = f"\x1b[48;5;{shade};38;5;{BLACK}m{shown}{RESET}"
        pieces.append(shown)
    return "".join(pieces)


def shade_html(sentence: Sentence, weights: Sequence[float] | None, caption: str = "") -> str:
    """Show the text of a sentence as a paragraph of HTML, with the weight of a token as its title.

    Args:
        sentence: The text and its tokens.
        weights: One weight a token, at least 0; None shows the text alone.
        caption: The heading of the paragraph.

    >>> shade_html(Sentence(["<b>"]), [1.0])
    '<p><mark style="background: rgba(255, 140, 0, 1.00)" title="1.0000">&lt;b&gt;</mark></p>'
    """
    pieces: list[str] = []
    for text, weight, strength in _pieces(sentence, weights):
        shown = _escape(text)
        if weight is not None:
            background = f"rgba(255, 140, 0, {strength:.2f})"
            shown = f'<mark style="background: {background}" title="{weight:.4f}">{shown}</mark>'
        pieces.append(shown)
    above = f"<h2>{_escape(caption)}</h2>\n" if caption else ""
    return f"{above}<p>{''.join(pieces)}</p>"


def html_page(paragraphs: Iterable[str], title: str = "Attention") -> Iterator[str]:
    """Yield the lines of a complete page with paragraphs of `shade_html`."""
    yield PAGE_HEAD.format(title=_escape(title))
    yield from paragraphs
    yield PAGE_TAIL


def _pieces(
    sentence: Sentence, weights: Sequence[float] | None
) -> Iterator[tuple[str, float | None, float]]:
    """Cut a text into tokens, with their weight and strength of shade, and gaps without."""
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
        yield sentence.text[before:start], None, 0.0
        yield sentence.text[start:end], weight, weight / heaviest
        before = end
    yield sentence.text[before:], None, 0.0


def _escape(text: str) -> str:
    return html.escape(visible(text))
