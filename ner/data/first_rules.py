"""The first rules of each convention that finds words, which cut most tokens.

They are written in the syntax that `re` and `regex` share, and mean the same to both. At every
position they are tried before all others. So a text that they cut as a whole, but for blanks, has
the same tokens without the others, whose pattern takes much longer to compile than to use: see
`ner.data.token_patterns`.
"""

import re
from functools import cache

# Only white space follows up to the end of the text: a period here ends a sentence.
AT_END = r"\s*+\Z"

LETTER = "A-Za-zÀ-ÖØ-öø-ÿ"

# A word with nothing in it or after it that another rule might cut in another way.
PLAIN = rf"[{LETTER}]++(?=[ ,;!?\"()]|\.{AT_END}|['’][sS](?!\S)|\Z)"
NUMBER = r"[0-9]++(?=[ ;!?\"()])"
MARK = rf"[,.:;!?\"()](?!\S)|[\"()](?=[{LETTER}0-9,.\"()])"
POSSESSIVE = rf"(?<=[{LETTER}])['’][sS](?!\S)"

# The last letters of words that become two tokens, by convention.
FUSED_ENDS = {
    "conll": (
        "[Nn][Nn][Aa]|[Tt][Tt][Aa]|[Mm][Mm][Ee]|[DdSs][Nn][Tt]|[Rr][Ee][Nn][Tt]|[Vv][Ee][Nn][Tt]"
    ),
    "ud": (
        "[NnTt][Aa]|[NnOo][Tt]|[Mm][Ee]|[Uu][Rr][Ee]|[Ii][Vv][Ee]|[Ii][Mm]"
        "|[AaEeIi][Tt][Ss]|[HhRr][Ee][Ss]|[Hh][Oo][Ss]"
    ),
}


def first_rules(plain_only: str) -> str:
    """Return the first rules of a convention, of which each excludes the others.

    Args:
        plain_only: What must hold after a plain word, so that it is one token.
    """
    return f"{PLAIN}{plain_only}|{NUMBER}|{MARK}|{POSSESSIVE}"


@cache
def first_patterns(rules: str) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Return what finds the next token by the first rules, and what fits a text they suffice for.

    Args:
        rules: The convention, one of `FUSED_ENDS`.
    """
    # `re` wants the same length for all that one look behind may find.
    first = first_rules("".join(f"(?<!{end})" for end in FUSED_ENDS[rules].split("|")))
    return re.compile(first), re.compile(rf" *+(?:(?:{first}) *+)*+")
