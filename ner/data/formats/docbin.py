"""spaCy's binary files of documents (.spacy), which need spaCy.

Each document becomes one sentence, with spaCy's tokens except those of white space. Entities,
categories (from one half on), and the columns upos, xpos and lemma are read. If the entity of no
token is known, the sentence is not annotated. Documents are counted from 1.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from ner.data.compressed import created, opened
from ner.data.formats.base import (
    BLANK_TOKENS,
    DOCUMENTS,
    IDS,
    TEXT_CONTENT,
    TOKENS,
    Format,
    WriteOptions,
    sentence_name,
)
from ner.data.formats.options import ReadOptions
from ner.data.formats.records import note_unknown
from ner.data.formats.spacy_json import LABEL_THRESHOLD
from ner.data.lines import check_file, replace_surrogates
from ner.data.sentence import Sentence, Source
from ner.data.spans import Notes
from ner.errors import DataError, reason
from ner.extras import require

# The columns that spaCy's tokens can hold: our name, and the name of spaCy's attribute.
ATTRIBUTES = {"upos": "POS", "xpos": "TAG", "lemma": "LEMMA"}
PURPOSE = "A .spacy file"

# Keys of user data: which of spaCy's tokens are not tokens of the sentence, and whether it is
# annotated, which a document without entities could not tell.
BETWEEN, ANNOTATED = "between", "annotated"


def read_docbin(source: str | Path, options: ReadOptions) -> Iterator[Sentence]:
    """Yield a sentence for each document of a DocBin.

    Raises:
        DataError: The file is not a DocBin.
        MissingExtraError: spaCy is not installed.
    """
    spacy, tokens = _spacy()
    path = Path(source)
    check_file(path)
    with opened(path) as file:
        content = file.read()
    vocabulary = spacy.blank("xx").vocab
    # A damaged file raises one of many exceptions of several libraries.
    try:
        documents = list(tokens.DocBin().from_bytes(content).get_docs(vocabulary))
    except Exception as error:
        raise DataError(f"{path}: must be a DocBin of spaCy. {reason(error)}.") from None
    notes = options.rules.notes
    for number, document in enumerate(documents, 1):
        _note_unread(document, notes)
        yield _sentence(document, Source(str(path), number))


def write_docbin(sentences: Iterable[Sentence], path: Path, options: WriteOptions) -> None:
    """Write a DocBin, with a document for each sentence.

    Raises:
        DataError: The file cannot be written, or spaCy cannot hold a sentence.
        MissingExtraError: spaCy is not installed.
    """
    spacy, tokens = _spacy()
    vocabulary = spacy.blank("xx").vocab
    attributes = ["ENT_IOB", "ENT_TYPE", "SPACY", *ATTRIBUTES.values()]
    store = tokens.DocBin(attrs=attributes, store_user_data=True)
    for number, sentence in enumerate(sentences, 1):
        try:
            store.add(_document(sentence, vocabulary, tokens))
        except ValueError as error:
            where = sentence_name(sentence, number)
            raise DataError(f"{where}: spaCy cannot hold it. {reason(error)}.") from None
    with created(path) as file:
        file.write(store.to_bytes())


def _spacy() -> tuple[Any, Any]:
    spacy = require("spacy", PURPOSE, extra="spacy")
    return spacy, require("spacy.tokens", PURPOSE, extra="spacy")


def _note_unread(document: Any, notes: Notes) -> None:
    """Count what no `Sentence` holds: groups of spans, and ids of entities."""
    for name, group in document.spans.items():
        notes.ignored[f"spans of the group {name!r}"] += len(group)
    for entity in document.ents:
        ids = {"kb_id": entity.kb_id_, "id": entity.ent_id_}
        note_unknown(ids, (), notes, "of spans")
    own = ("id", "document", BETWEEN, ANNOTATED)
    note_unknown({str(key): value for key, value in document.user_data.items()}, own, notes)


def _sentence(document: Any, source: Source) -> Sentence:
    # spaCy makes tokens of white space that is more than one blank.
    between = document.user_data.get(BETWEEN)
    if between is None:
        between = [token.i for token in document if token.is_space]
    skipped = set(between)
    kept = [token for token in document if token.i not in skipped]
    index = {token.i: i for i, token in enumerate(kept)}
    spans = None
    if document.user_data.get(ANNOTATED, document.has_annotation("ENT_IOB")):
        spans = []
        for entity in document.ents:
            inside = [index[token.i] for token in entity if token.i in index]
            if inside:
                spans.append((inside[0], inside[-1] + 1, entity.label_))
    columns: dict[str, tuple[str, ...]] = {}
    for name, attribute in ATTRIBUTES.items():
        if document.has_annotation(attribute):
            key = f"{attribute.lower()}_"
            columns[name] = tuple(getattr(token, key) or "_" for token in kept)
    labels = tuple(label for label, value in document.cats.items() if value >= LABEL_THRESHOLD)
    return Sentence(
        [token.text for token in kept],
        text=document.text,
        offsets=[(token.idx, token.idx + len(token)) for token in kept],
        columns=columns,
        spans=spans,
        labels=labels if document.cats else None,
        id=document.user_data.get("id"),
        document=document.user_data.get("document"),
        source=source,
    )


def _document(sentence: Sentence, vocabulary: Any, tokens: Any) -> Any:
    words, spaces, index, between = _words(sentence)
    document = tokens.Doc(vocabulary, words=words, spaces=spaces)
    for name, attribute in ATTRIBUTES.items():
        values = sentence.columns.get(name, ())
        for i, value in zip(index, values, strict=False):
            if value != "_":
                setattr(document[i], f"{attribute.lower()}_", value)
    spans = sentence.found_spans
    if spans is not None:
        entities = [
            tokens.Span(document, index[start], index[end - 1] + 1, label=label)
            for start, end, label in spans
        ]
        document.set_ents(entities)
    document.cats = dict.fromkeys(sentence.labels or (), 1.0)
    names = {"id": sentence.id, "document": sentence.document}
    document.user_data.update({BETWEEN: between, ANNOTATED: spans is not None})
    document.user_data.update({key: value for key, value in names.items() if value is not None})
    return document


def _words(sentence: Sentence) -> tuple[list[str], list[bool], list[int], list[int]]:
    """Cut the whole text into the tokens of a document.

    Returns:
        spaCy's tokens, whether a space follows each of them, the index of each token of the
        sentence among them, and the indices of those between tokens of the sentence.
    """
    words: list[str] = []
    spaces: list[bool] = []
    index: list[int] = []
    between: list[int] = []
    text = replace_surrogates(sentence.text)
    end = 0
    for start, next_end in [*sentence.offsets, (len(text), len(text))]:
        gap = text[end:start]
        if start < end:
            raise ValueError("Its words must not share a range of the text.")
        if gap.startswith(" ") and words:
            spaces[-1], gap = True, gap[1:]
        if gap:
            between.append(len(words))
            words.append(gap)
            spaces.append(False)
        if start < next_end:
            index.append(len(words))
            words.append(text[start:next_end])
            spaces.append(False)
        end = next_end
    return words, spaces, index, between


FORMAT = Format(
    "spacy",
    "spaCy's DocBin",
    TEXT_CONTENT | {TOKENS, BLANK_TOKENS, IDS, DOCUMENTS},
    read_docbin,
    save=write_docbin,
    columns=frozenset(ATTRIBUTES),
    endings=(".spacy",),
)
