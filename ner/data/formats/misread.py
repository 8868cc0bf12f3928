"""Signs that a column file is read in another way than it was meant."""

import re
from collections.abc import Iterator, Sequence

from ner.data.formats.columns import TAG
from ner.data.sentence import Sentence
from ner.data.spans import Notes

# The number of sentences that are looked at.
PROBED = 20

# A number of a row, also of a multi-word token or an empty node of CoNLL-U.
ROW_NUMBER = re.compile(r"[0-9]+(?:[-.][0-9]+)?")

# What may separate columns elsewhere.
OTHER_SEPARATORS = (",", ";", "|", "/")


def watch_tokens(sentences: Iterator[Sentence], notes: Notes, name: str) -> Iterator[Sentence]:
    """Pass sentences on, and add a warning to the notes if their tokens are no tokens.

    Args:
        sentences: The sentences of a column file.
        notes: Gets the warning, as soon as the first sentences show it.
        name: What messages call the file.
    """
    probed: list[Sentence] = []
    for sentence in sentences:
        probed.append(sentence)
        if len(probed) == PROBED:
            break
        yield sentence
    warning = find_misreading(probed)
    if warning is not None:
        notes.warnings.append(f"{probed[0].source or name}: {warning}")
    if len(probed) == PROBED:
        yield probed[-1]
    yield from sentences


def find_misreading(sentences: Sequence[Sentence]) -> str | None:
    """Say what is probably read as the token in place of the token; None if all looks right.

    >>> find_misreading([Sentence(["Ann,B-PER", "left,O"])]).partition(". ")[0]
    "a whole row is read as the token, such as 'Ann,B-PER'"
    """
    tokens = [token for sentence in sentences for token in sentence.tokens]
    if len(tokens) < 2:
        return None
    if all(map(ROW_NUMBER.fullmatch, tokens)):
        counted = all(map(_counts_rows, sentences))
        what = "count 1, 2, 3 ... in every sentence" if counted else "are whole numbers only"
        return f"the tokens {what}. {_way_out(sentences)}"
    has_columns = any(sentence.columns for sentence in sentences)
    for mark in OTHER_SEPARATORS:
        if has_columns and mark != "/" and all(t.endswith(mark) and len(t) > 1 for t in tokens):
            return (
                f"every token ends with {mark!r}, such as {tokens[0]!r}. Columns must be separated "
                "by tabs or blanks alone."
            )
        if not has_columns and all(mark in token and len(token) > 2 for token in tokens):
            return (
                f"a whole row is read as the token, such as {tokens[0]!r}. Columns must be "
                f"separated by tabs or blanks, not by {mark!r}."
            )
    return None


def _counts_rows(sentence: Sentence) -> bool:
    """Whether the whole numbers among the tokens count from 0 or 1."""
    numbers = [int(token) for token in sentence.tokens if token.isdecimal()]
    return numbers in (list(range(len(numbers))), list(range(1, len(numbers) + 1)))


def _way_out(sentences: Sequence[Sentence]) -> str:
    """Say how to name the columns: the first one with words is the token, then come the tags."""
    names = list(sentences[0].columns)
    columns = [[v for s in sentences for v in s.columns.get(name, ())] for name in names]
    are_tags = [all(map(TAG.fullmatch, column)) for column in columns]
    are_words = [
        not (tags or all(map(ROW_NUMBER.fullmatch, column)))
        for tags, column in zip(are_tags, columns, strict=True)
    ]
    if True not in are_words:
        return "If they are numbers of rows, name another column 'token' with --columns."
    token = are_words.index(True)
    later = range(token + 1, len(names))
    tags = next((i for i in later if are_tags[i] and set(columns[i]) > {"O"}), None)
    roles = {token: "token", tags: "ner"}
    example = " ".join(["-", *(roles.get(i, "-") for i in range(len(names)))])
    return f"If they are numbers of rows, name the columns, such as --columns {example!r}."
