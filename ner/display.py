r"""Texts of others as people may see them: on a terminal, in Markdown, in a model given away.

A text, a label or the name of a file can hold characters that move the cursor of a terminal, change
its colours or its title, hide what was printed before, or show words in another order. Here each of
them becomes the escape that JSON and TOML have for it, such as `\u001b`.
"""

import re
from pathlib import Path

# Control characters other than newline and tab, also in their form of eight bits; separators of
# lines; marks that change the direction of writing; annotation between lines; and halves of UTF-16
# pairs, which also stand for bytes of names of files that are not UTF-8.
# Source: Unicode, categories Cc, Cs, Zl and Zp, property Bidi_Control
UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u206f\ufff9-\ufffb"
    "\ud800-\udfff]"
)

# What Markdown or the HTML in it gives a meaning to, wherever it stands in a line.
MARKUP = re.compile(r"[\\`*_\[\]<>|~&$]")


def visible(text: str) -> str:
    r"""Return a text whose unsafe characters are escapes; newlines and tabs are kept.

    >>> visible("\x1b[31mred\x9b0m, naïve")
    '\\u001b[31mred\\u009b0m, naïve'
    """
    return UNSAFE.sub(_escape, text.replace("\r\n", "\n"))


def one_line(text: str) -> str:
    r"""Return a text on one line, so that nothing in it looks like a line of its own.

    >>> one_line("a.txt\nWarning: \r")
    'a.txt\\nWarning: \\u000d'
    """
    return visible(text).replace("\n", "\\n")


def markdown(text: str) -> str:
    r"""Return a text on one line that Markdown shows as it is, with no markup or HTML in it.

    >>> print(markdown("<b>[x](y)|"))
    \<b\>\[x\](y)\|
    """
    return MARKUP.sub(r"\\\g<0>", one_line(text))


def fenced(text: str) -> str:
    """Return a text as a block of code in Markdown, whose end nothing in it looks like.

    >>> fenced("a").splitlines()
    ['```', 'a', '```']
    """
    longest = max(map(len, re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}\n{visible(text)}\n{fence}"


def shared_name(source: str) -> str:
    """Return what others may know of a source of data: of an absolute path, its last part alone.

    >>> shared_name("sample:train"), shared_name("data/train.conll")
    ('sample:train', 'data/train.conll')
    """
    scheme, separator, rest = source.rpartition("hub:")
    return f"{scheme}{separator}{Path(rest).name if Path(rest).is_absolute() else rest}"


def _escape(match: re.Match[str]) -> str:
    return f"\\u{ord(match[0]):04x}"
