"""Tags as files spell them: every scheme that `ner.data.schemes` reads can also be written."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from ner.data.partial import tags_from_allowed
from ner.data.schemes import Scheme, Span, tags_from_spans
from ner.data.sentence import Sentence
from ner.errors import DataError

Spelling = Literal["IOB1", "BIO", "IOB2", "BIOES", "BILOU", "BMES"]
# The scheme behind a spelling, and the letters that it has for B, I, E and S.
SCHEME_SPELLINGS: Mapping[Spelling, tuple[Scheme, str]] = {
    "IOB1": ("IOB1", "BIES"),
    "BIO": ("BIO", "BIES"),
    "IOB2": ("BIO", "BIES"),
    "BIOES": ("BIOES", "BIES"),
    "BILOU": ("BIOES", "BILU"),
    "BMES": ("BIOES", "BMES"),
}


def spelled_tags(spans: Iterable[Span], length: int, spelling: Spelling) -> list[str]:
    """Write non-overlapping spans as the tags of a sentence of `length` tokens.

    >>> spelled_tags([Span(0, 3, "LOC"), Span(3, 4, "PER")], 4, "BILOU")
    ['B-LOC', 'I-LOC', 'L-LOC', 'U-PER']
    """
    scheme, letters = SCHEME_SPELLINGS[spelling]
    tags = tags_from_spans(spans, length, scheme)
    if letters == "BIES":
        return tags
    spelled = dict(zip("BIES", letters, strict=True))
    return [spelled[tag[0]] + tag[1:] if tag != "O" else tag for tag in tags]


def sentence_tags(sentence: Sentence, spelling: Spelling) -> list[str]:
    """Give the predicted tags of a sentence, or else the gold ones, which may be partial.

    Where nobody annotated the sentence, every tag is O.
    """
    spans = sentence.found_spans
    if spans is None and sentence.allowed is not None:
        return tags_from_allowed(sentence.allowed)
    return spelled_tags(spans or (), len(sentence), spelling)


def token_columns(
    sentence: Sentence, columns: Iterable[str], spelling: Spelling | None, where: str
) -> list[Sequence[str]]:
    """Give the columns of a file with a token a row: tokens, further columns, and tags.

    Args:
        sentence: What to write.
        columns: Names of its further columns.
        spelling: Of the tags; None leaves them out.
        where: What messages call the sentence.

    Raises:
        DataError: The sentence lacks a column.
    """
    found: list[Sequence[str]] = [sentence.tokens]
    for name in columns:
        if name not in sentence.columns:
            raise DataError(f"{where}: has no column {name!r}, which others have.")
        found.append(sentence.columns[name])
    if spelling is not None:
        found.append(sentence_tags(sentence, spelling))
    return found
