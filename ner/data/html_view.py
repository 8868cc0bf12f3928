"""Sentences as HTML: marked entities, labelled tokens, or the attention behind labels of a text.

Pages need no script and ask for nothing from elsewhere. Whoever reads one sees the score of
an entity when the pointer rests on it. Colours follow the preference for light or dark; text keeps
a contrast of at least 4.5 to 1 on all of them, which is the level AA of WCAG 2.
"""

import base64
import hashlib
import html
import zlib
from collections.abc import Callable, Iterable, Iterator

from ner.data.attention_view import token_weights, weighted_pieces
from ner.data.sentence import PredictedEntity, Prediction, Sentence
from ner.display import visible

STYLE = """\
.ner {
  --ink: #1f2328; --paper: #ffffff; --faint: #57606a; --line: #d0d7de;
  --mark: 85% 90%; --name: 70% 78%; --shade: 35 100% 55%;
  color: var(--ink); background: var(--paper); font: 1rem/1.5 system-ui, sans-serif;
  box-sizing: border-box; padding: .75em 1em;
}
@media (prefers-color-scheme: dark) {
  .ner {
    --ink: #e6edf3; --paper: #0d1117; --faint: #9198a1; --line: #3d444d;
    --mark: 40% 21%; --name: 45% 29%; --shade: 30 100% 25%;
  }
}
.ner h2 { margin: 0 0 .25em; color: var(--faint); font-size: .8em; font-weight: 400; }
.ner p { margin: 0; white-space: pre-wrap; overflow-wrap: anywhere; line-height: 2; }
.ner mark, .ner rt, .ner b { color: inherit; background: hsl(var(--hue) var(--mark)); }
.ner mark {
  padding: .2em .3em; border-radius: .35em;
  -webkit-box-decoration-break: clone; box-decoration-break: clone;
}
.ner mark sub, .ner b {
  padding: .15em .4em; border-radius: .3em; background: hsl(var(--hue) var(--name));
  font-size: .7em; font-weight: 600; line-height: 1; vertical-align: .1em;
}
.ner mark sub { margin-inline-start: .45em; unicode-bidi: isolate; white-space: nowrap; }
.ner sub, .ner rt { -webkit-user-select: none; user-select: none; }
.ner b { margin-inline-end: .4em; font-size: .8em; vertical-align: baseline; }
.ner ruby { ruby-position: under; }
.ner rt { margin-top: .15em; padding: .1em .35em; border-radius: .3em; font-size: .65em; }
.ner i { border-radius: .2em; background: hsl(var(--shade) / var(--weight)); font-style: normal; }
"""

# Nothing on a page may be fetched or run, whatever a text holds; a script of our own has a digest.
PAGE_HEAD = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" \
content="default-src 'none'; style-src 'unsafe-inline'{script_source}">
<title>{title}</title>
<style>
{style}</style>
</head>
<body class="ner">
<h1>{title}</h1>"""

# The style of pages that hold annotated texts alone.
TEXTS_STYLE = """\
body.ner { max-width: 46em; margin: 0 auto; padding: 1em 0; }
body.ner h1 { margin: 0; padding: 0 .8em; font-size: 1.25em; }
section + section { border-top: 1px solid var(--line); }
"""

PAGE_TAIL = """\
</body>
</html>"""

# Colours of usual labels, as hues in degrees; those of others follow from their letters.
USUAL_HUES = {"PER": 210, "PERSON": 210, "ORG": 30, "LOC": 150, "GPE": 150, "MISC": 270}
HUE_STEP, NUM_HUES = 150, 12


class Hues:
    """The hue of each label, the same on all pages unless two labels of a page compete for it."""

    def __init__(self) -> None:
        self._known: dict[str, int] = {}

    def __call__(self, label: str) -> int:
        """Return the hue of a label, in degrees."""
        if label not in self._known:
            place = zlib.crc32(label.encode("utf-8", "replace")) % NUM_HUES
            hue, taken = USUAL_HUES.get(label, place * 360 // NUM_HUES), set(self._known.values())
            for _ in range(NUM_HUES):
                if hue in taken:
                    hue = (hue + HUE_STEP) % 360
            self._known[label] = hue
        return self._known[label]


def html_page(
    sections: Iterable[str],
    title: str = "Annotated text",
    *,
    style: str = TEXTS_STYLE,
    script: str = "",
) -> Iterator[str]:
    """Yield the lines of a whole page.

    Args:
        sections: What is on the page, such as sections of `sentence_html`.
        title: The title and heading.
        style: What is added to the style of marked texts.
        script: A script to run after the page is read; nothing else on the page can run.
    """
    yield PAGE_HEAD.format(
        title=escape(title),
        style=STYLE + style,
        script_source=f"; script-src '{_digest(script)}'" if script else "",
    )
    yield from sections
    if script:
        yield f"<script>{script}</script>"
    yield PAGE_TAIL


def _digest(script: str) -> str:
    """Return the digest of a script, as a content security policy writes it."""
    digest = hashlib.sha256(script.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"


def fragment(sentence: Sentence) -> str:
    """Return a sentence with the style that it needs, as a part of another page."""
    return f"<style>\n{STYLE}</style>\n{sentence_html(sentence)}"


def sentence_html(sentence: Sentence, caption: str = "", hues: Hues | None = None) -> str:
    """Show a sentence as a section of HTML.

    Shown is what was predicted, or else the gold annotation: the labels of the text, and below it
    the attention of its tokens, or the labels of tokens, or entities.

    Args:
        sentence: The text, and what is known about it.
        caption: The heading of the section, such as the number of the text.
        hues: The colours of labels, which all sections of a page share.

    >>> from ner.data.schemes import Span
    >>> print(sentence_html(Sentence(["<b>", "Ada"], spans=[Span(1, 2, "PER")])))
    <section class="ner">
    <p dir="auto">&lt;b&gt; <mark style="--hue: 210" title="PER">Ada<sub>PER</sub></mark></p>
    </section>
    """
    colour = hues or Hues()
    found = sentence.prediction or Prediction()
    lines = [f"<h2>{escape(caption)}</h2>"] if caption else []
    labels = sentence.labels if sentence.prediction is None else found.labels
    if labels is not None:
        names = (_name(label, found.probabilities.get(label), colour) for label in labels)
        lines.append(f"<p>{''.join(names) or '(no label)'}</p>")
    if found.attention:
        pieces = _shades(sentence)
    elif found.columns:
        pieces = _labelled_tokens(sentence, found, colour)
    else:
        pieces = _marks(sentence, colour)
    lines.append(f'<p dir="auto">{"".join(pieces)}</p>')
    return "\n".join(['<section class="ner">', *lines, "</section>"])


def escape(text: str) -> str:
    """Return a text as HTML; characters that are not safe to show are escapes."""
    return html.escape(visible(text))


def _name(label: str, probability: float | None, colour: Callable[[str], int]) -> str:
    share = "" if probability is None else f" {probability:.2f}"
    return f'<b style="--hue: {colour(label)}">{escape(label)}{share}</b>'


def _marks(sentence: Sentence, colour: Callable[[str], int]) -> Iterator[str]:
    end = 0
    for entity in sentence.entities:
        score = f" {entity.score:.4f}" if isinstance(entity, PredictedEntity) else ""
        label, style = escape(entity.label), f"--hue: {colour(entity.label)}"
        start = max(end, entity.start)  # two words may share one range of the text
        yield escape(sentence.text[end:start])
        yield (
            f'<mark style="{style}" title="{label}{score}">'
            f"{escape(sentence.text[start : entity.end])}<sub>{label}</sub></mark>"
        )
        end = entity.end
    yield escape(sentence.text[end:])


def _labelled_tokens(
    sentence: Sentence, found: Prediction, colour: Callable[[str], int]
) -> Iterator[str]:
    """Yield the text with the label of each token below it; models predict one column."""
    name, labels = next(iter(found.columns.items()))
    scores = found.column_scores[name]
    end = 0
    for (start, stop), own, score in zip(sentence.offsets, labels, scores, strict=True):
        label, start = escape(own), max(end, start)  # two words may share one range of the text
        yield escape(sentence.text[end:start])
        yield (
            f'<ruby title="{label} {score:.4f}">{escape(sentence.text[start:stop])}'
            f'<rt style="--hue: {colour(own)}">{label}</rt></ruby>'
        )
        end = stop
    yield escape(sentence.text[end:])


def _shades(sentence: Sentence) -> Iterator[str]:
    for text, weight, strength in weighted_pieces(sentence, token_weights(sentence)):
        shown = escape(text)
        if weight is not None:
            shown = f'<i style="--weight: {strength:.2f}" title="{weight:.4f}">{shown}</i>'
        yield shown
