"""Running text for the tokens of a corpus in the style of the Penn Treebank that lost its text.

Tokens are joined by single spaces, except that there is no space

* before  . , ; : ? ! ) ] % ...  and before clitics such as 's 're n't;
* after  ( [  and after a currency sign;
* after an opening quote and before a closing one. The first " of a sentence opens, the next one
  closes, and so on. The same holds for '. But after a word in s, if no ' is open, it is the mark of
  a possessive and follows the word.
"""

from collections.abc import Iterable, Iterator, Sequence

from ner.data.sentence import Sentence

NO_SPACE_BEFORE = {".", ",", ";", ":", "?", "!", ")", "]", "%", "...", "n't"}
NO_SPACE_AFTER = {"(", "["}
CURRENCIES = ("$", "£", "€")


def write_text(tokens: Sequence[str]) -> tuple[str, list[tuple[int, int]]]:
    r"""Write the text of a sentence, with the start and end of each token in it.

    >>> write_text(["The", "players", "'", '"', "no", '"', "did", "n't", "cost", "$", "5", "."])[0]
    'The players\' "no" didn\'t cost $5.'
    """
    text, offsets = "", []
    open_quotes: set[str] = set()
    glued, before = True, ""
    for token in tokens:
        possessive = token == "'" and before.endswith("s") and token not in open_quotes
        closes = token in open_quotes
        follows = closes or possessive or token in NO_SPACE_BEFORE or _is_clitic(token)
        if not (glued or follows):
            text += " "
        offsets.append((len(text), len(text) + len(token)))
        text += token
        opens = token in ('"', "'") and not (closes or possessive)
        open_quotes -= {token}
        if opens:
            open_quotes.add(token)
        glued = opens or token in NO_SPACE_AFTER or token.endswith(CURRENCIES)
        before = token
    return text, offsets


def _is_clitic(token: str) -> bool:
    return len(token) > 1 and token[0] == "'" and token[1:].isalpha()


def with_text(sentence: Sentence) -> Sentence:
    """Copy a sentence with its running text."""
    text, offsets = write_text(sentence.tokens)
    return sentence.replace(text=text, offsets=offsets)


def join_texts(sentences: Iterable[Sentence], between: str) -> Iterator[tuple[Sentence, list[int]]]:
    """Yield each document as one sentence, with the offsets where later sentences begin."""
    whole: list[Sentence] = []
    for sentence in sentences:
        if whole and (sentence.document is None or sentence.document != whole[0].document):
            yield _join(whole, between)
            whole = []
        whole.append(sentence)
    if whole:
        yield _join(whole, between)


def _join(sentences: Sequence[Sentence], between: str) -> tuple[Sentence, list[int]]:
    tokens: list[str] = []
    offsets: list[tuple[int, int]] = []
    starts: list[int] = []
    begin = 0
    for sentence in sentences:
        starts.append(begin)
        tokens.extend(sentence.tokens)
        offsets.extend((start + begin, end + begin) for start, end in sentence.offsets)
        begin += len(sentence.text) + len(between)
    text = between.join(sentence.text for sentence in sentences)
    return Sentence(tokens, text=text, offsets=offsets), starts[1:]
