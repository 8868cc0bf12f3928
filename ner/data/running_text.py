"""Text as people write it, for the tokens of a corpus that lost its text.

Tokens are joined by single blanks, except that there is no blank

* beside a character of a script without blanks, or beside wide punctuation;
* before  . , ; : ? ! ) ] % ...  and the like, and before clitics such as 's 're n't;
* after  ( [  and the like, after a currency sign, and after an elided word such as l' d' dell';
* after an opening quote and before a closing one. The first " of a sentence opens, the next one
  closes, and so on. The same holds for '. But after a word in s, if no ' is open, it is the mark of
  a possessive and follows the word.

The tokens of a corpus that is cut by characters are joined without any blanks.
"""

import re
from collections.abc import Iterable, Sequence

from ner.data.sentence import Sentence

NO_SPACE_BEFORE = {*".,;:?!)]}%", "...", "…", "”", "»", "''", "n't", "n’t"}
NO_SPACE_AFTER = {*"([{“«¿¡", "``"}
CURRENCIES = ("$", "£", "€", "¥")
CLITIC = re.compile(r"['’][^\W\d_]+")
ELIDED = re.compile(r"(?:[cdjlmnst]|qu|un|(?:a|co|da|de|ne|su)ll)['’]", re.IGNORECASE)

# The characters of scripts without blanks, as in `token_patterns`, and punctuation of their width.
WIDE = (
    r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u19e0-\u19ff\u2e80-\u312f\u3190-\u9fff\ua9e0-\ua9ff"
    r"\uaa60-\uaa7f\uf900-\ufaff\ufe30-\ufe4f\uff01-\uff9f\U0001aff0-\U0001b16f"
    r"\U00020000-\U0003ffff"
)
UNSPACED_START, UNSPACED_END = re.compile(rf"[{WIDE}]"), re.compile(rf"[{WIDE}]\Z")
UNSPACED_OR_KOREAN = re.compile(rf"[{WIDE}\u1100-\u11ff\uac00-\ud7ff]")

# A corpus is cut by characters if at least this share of its tokens are single characters, and a
# fifth of them are of a script whose words can be written without blanks: the rest may be digits.
SINGLE, FOREIGN = 0.95, 0.2


def write_text(
    tokens: Sequence[str], *, by_character: bool = False
) -> tuple[str, list[tuple[int, int]]]:
    r"""Write the text of a sentence, with the start and end of each token in it.

    Args:
        tokens: The tokens.
        by_character: Whether they are the characters of a text without blanks.

    >>> write_text(["The", "players", "'", '"', "no", '"', "did", "n't", "cost", "$", "5", "."])[0]
    'The players\' "no" didn\'t cost $5.'
    >>> write_text(["生于", "1963", "年", "，", "MBA", "."])[0]
    '生于1963年，MBA.'
    """
    text, offsets = "", []
    open_quotes: set[str] = set()
    glued, before = True, ""
    for token in tokens:
        possessive = token == "'" and before.endswith("s") and token not in open_quotes
        closes = token in open_quotes
        follows = closes or possessive or token in NO_SPACE_BEFORE or CLITIC.fullmatch(token)
        if not (by_character or glued or follows or UNSPACED_START.match(token)):
            text += " "
        offsets.append((len(text), len(text) + len(token)))
        text += token
        opens = token in ('"', "'") and not (closes or possessive)
        open_quotes -= {token}
        if opens:
            open_quotes.add(token)
        glued = opens or _is_glued(token)
        before = token
    return text, offsets


def _is_glued(token: str) -> bool:
    """Whether the next token follows a token, which is no quote, without a blank."""
    return (
        token in NO_SPACE_AFTER
        or token.endswith(CURRENCIES)
        or ELIDED.fullmatch(token) is not None
        or UNSPACED_END.search(token) is not None
    )


def is_cut_by_characters(sentences: Iterable[Sentence]) -> bool:
    """Whether the tokens are the characters of a script whose words need no blanks.

    >>> is_cut_by_characters([Sentence([*"生于1963年。"])])
    True
    >>> is_cut_by_characters([Sentence(["生于", "1963", "年"]), Sentence([*"abc"])])
    False
    """
    total = single = foreign = 0
    for sentence in sentences:
        total += len(sentence)
        single += sum(len(token) == 1 for token in sentence.tokens)
        foreign += sum(UNSPACED_OR_KOREAN.match(token) is not None for token in sentence.tokens)
    return total > 0 and single >= SINGLE * total and foreign >= FOREIGN * total


def as_written(sentences: Sequence[Sentence]) -> list[Sentence]:
    """Return the sentences of a corpus with text as people write it.

    A corpus that kept its text stays as it is. In all others, each text is the tokens joined by
    blanks, and is written anew.
    """
    if any(sentence.text != " ".join(sentence.tokens) for sentence in sentences):
        return list(sentences)
    by_character = is_cut_by_characters(sentences)
    written = []
    for sentence in sentences:
        text, offsets = write_text(sentence.tokens, by_character=by_character)
        written.append(sentence.replace(text=text, offsets=offsets))
    return written
