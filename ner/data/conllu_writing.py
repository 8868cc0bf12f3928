"""Sentences to CoNLL-U: the other half of `ner.data.conllu`."""

import itertools
from collections.abc import Iterable, Iterator

from ner.data.conllu import COLUMNS, ESCAPES, NER
from ner.data.lines import replace_surrogates
from ner.data.sentence import Sentence
from ner.data.spelling import Spelling, sentence_tags
from ner.errors import DataError

ESCAPED = str.maketrans({character: escape for escape, character in ESCAPES.items()})


def write_conllu(sentences: Iterable[Sentence], scheme: Spelling = "BIO") -> Iterator[str]:
    r"""Yield lines, without newline, as `read_conllu` reads them.

    Entities, predicted or else gold, stand in MISC: every word of an annotated sentence has a
    `NER=`. What stands between words is told by SpaceAfter, SpacesAfter and SpacesBefore; a text
    on one line is also in `# text`. Words that share one range of the text make up a multi-word
    token.

    Raises:
        DataError: A word, label or column is empty or holds a tab or a newline, a label holds a |,
            or a word is not what stands in the text.

    >>> sentence = Sentence(["Ada", "."], text="Ada.", offsets=[(0, 3), (3, 4)], spans=[])
    >>> next(line for line in write_conllu([sentence]) if line.startswith("1"))
    '1\tAda\t_\t_\t_\t_\t_\t_\t_\tSpaceAfter=No|NER=O'
    """
    document: str | None = None
    for number, sentence in enumerate(sentences, 1):
        where = str(sentence.source or f"sentence {number}")
        if not sentence.tokens:
            continue
        if sentence.document != document:
            document = sentence.document
            yield "# newdoc" if document is None else _comment("newdoc id", document, where)
        if sentence.id is not None:
            yield _comment("sent_id", sentence.id, where)
        if "\n" not in sentence.text and "\r" not in sentence.text:
            yield f"# text = {replace_surrogates(sentence.text)}"
        yield from _rows(sentence, scheme, where)
        yield ""


def _comment(key: str, value: str, where: str) -> str:
    if "\n" in value or value != value.strip() or not value:
        raise DataError(
            f"{where}: in a CoNLL-U file, names of sentences and documents are one line without "
            f"blanks around it. Got {value!r}."
        )
    return f"# {key} = {value}"


def _rows(sentence: Sentence, scheme: Spelling, where: str) -> Iterator[str]:
    empty = ("_",) * len(sentence)
    columns = [sentence.columns.get(name, empty) for name in COLUMNS]
    is_annotated = sentence.found_spans is not None
    tags = sentence_tags(sentence, scheme) if is_annotated else None
    text = replace_surrogates(sentence.text)
    word = 0
    for (start, end), shared in itertools.groupby(sentence.offsets):
        count = len(list(shared))
        following = word + count
        after = sentence.offsets[following][0] if following < len(sentence) else None
        gap = text[end:after]
        spacing: list[str] = []
        if word == 0 and start > 0:
            spacing.append(f"SpacesBefore={text[:start].translate(ESCAPED)}")
        if gap == "" and after is not None:
            spacing.append("SpaceAfter=No")
        elif gap != (" " if after is not None else ""):
            spacing.append(f"SpacesAfter={gap.translate(ESCAPED)}")
        forms = [replace_surrogates(token) for token in sentence.tokens[word:following]]
        if count > 1:
            surface = [f"{word + 1}-{following}", text[start:end], *("_" * 7)]
            yield _row([*surface, "|".join(spacing) or "_"], where)
            spacing = []
        elif forms != [text[start:end]]:
            raise DataError(
                f"{where}: in a CoNLL-U file, a word is what stands in the text. "
                f"Got {forms[0]!r} for {text[start:end]!r}."
            )
        for i, form in enumerate(forms, word):
            values = [column[i] for column in columns]
            misc = [*([values[-1]] if values[-1] != "_" else []), *spacing]
            if tags is not None:
                if "|" in tags[i]:
                    raise DataError(f"{where}: in a CoNLL-U file, labels hold no |. Got {tags[i]}.")
                misc.append(f"{NER}={tags[i]}")
            yield _row([str(i + 1), form, *values[:-1], "|".join(misc) or "_"], where)
        word = following


def _row(fields: list[str], where: str) -> str:
    row = "\t".join(fields)
    if row.count("\t") != 9 or "\n" in row or "" in fields or row.endswith("\r"):
        raise DataError(
            f"{where}: in a CoNLL-U file, words, labels and columns hold no tab or newline and are "
            f"not empty. Got {fields}."
        )
    return row
