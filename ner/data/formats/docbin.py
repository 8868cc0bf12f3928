"""spaCy's binary files of documents (.spacy), which need spaCy."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from ner.data.compressed import created, opened
from ner.data.formats.base import Writing
from ner.data.formats.options import ReadOptions
from ner.data.formats.spacy_json import IS_LABEL
from ner.data.lines import check_file, replace_surrogates
from ner.data.sentence import Sentence, Source
from ner.errors import DataError
from ner.extras import require

# Columns that tokens of spaCy have a place for: our name, and theirs.
COLUMNS = {"upos": "POS", "xpos": "TAG", "lemma": "LEMMA"}

PURPOSE = "A .spacy file"

# Where our documents list the tokens that stand between ours, and say whether entities are known,
# which an empty one could not show.
BETWEEN, ANNOTATED = "between", "annotated"


def read_docbin(path: Path) -> Iterator[Sentence]:
    """Yield a sentence for each document of a DocBin, with spaCy's tokens but the blank ones.

    Entities, categories (from one half on), and the columns upos, xpos and lemma are read. Where
    no token's entity is known, the sentence is not annotated. Documents are counted from 1.

    Raises:
        DataError: It is no such file.
        MissingExtraError: spaCy is not installed.
    """
    spacy, tokens = _spacy()
    check_file(path)
    with opened(path) as file:
        content = file.read()
    vocabulary = spacy.blank("xx").vocab
    # A damaged file comes as one of many exceptions of several libraries.
    try:
        documents = list(tokens.DocBin().from_bytes(content).get_docs(vocabulary))
    except Exception as error:
        reason = str(error).strip().partition("\n")[0].rstrip(".")
        raise DataError(
            f"{path}: not a DocBin of spaCy. {reason or type(error).__name__}."
        ) from None
    for number, document in enumerate(documents, 1):
        yield _sentence(document, Source(str(path), number))


def write_docbin(sentences: Iterable[Sentence], path: Path) -> None:
    """Write a DocBin, with a document for each sentence.

    Raises:
        DataError: The file cannot be written, or spaCy cannot hold a sentence.
        MissingExtraError: spaCy is not installed.
    """
    spacy, tokens = _spacy()
    vocabulary = spacy.blank("xx").vocab
    attributes = ["ENT_IOB", "ENT_TYPE", "SPACY", *COLUMNS.values()]
    store = tokens.DocBin(attrs=attributes, store_user_data=True)
    for number, sentence in enumerate(sentences, 1):
        where = sentence.source or f"sentence {number}"
        try:
            store.add(_document(sentence, vocabulary, tokens))
        except ValueError as error:
            reason = str(error).strip().partition("\n")[0]
            raise DataError(f"{where}: spaCy refuses it. {reason}") from None
    with created(path) as file:
        file.write(store.to_bytes())


def _spacy() -> tuple[Any, Any]:
    spacy = require("spacy", PURPOSE, extra="spacy")
    return spacy, require("spacy.tokens", PURPOSE, extra="spacy")


def _sentence(document: Any, source: Source) -> Sentence:
    # spaCy makes tokens of white space that is more than a blank; they are none of ours.
    between = document.user_data.get(BETWEEN)
    if between is None:
        between = [token.i for token in document if token.is_space]
    skipped = set(between)
    kept = [token for token in document if token.i not in skipped]
    place = {token.i: i for i, token in enumerate(kept)}
    spans = None
    if document.user_data.get(ANNOTATED, document.has_annotation("ENT_IOB")):
        spans = []
        for entity in document.ents:
            inside = [place[token.i] for token in entity if token.i in place]
            if inside:
                spans.append((inside[0], inside[-1] + 1, entity.label_))
    columns: dict[str, tuple[str, ...]] = {}
    for name, attribute in COLUMNS.items():
        if document.has_annotation(attribute):
            key = f"{attribute.lower()}_"
            columns[name] = tuple(getattr(token, key) or "_" for token in kept)
    labels = tuple(label for label, value in document.cats.items() if value >= IS_LABEL)
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
    words: list[str] = []
    spaces: list[bool] = []
    # Which of spaCy's tokens each of ours is; what stands between ours becomes tokens, too.
    place: list[int] = []
    between: list[int] = []
    text = replace_surrogates(sentence.text)
    end = 0
    for start, next_end in [*sentence.offsets, (len(text), len(text))]:
        gap = text[end:start]
        if start < end:
            raise ValueError("Its words share a range of the text.")
        if gap.startswith(" ") and words:
            spaces[-1], gap = True, gap[1:]
        if gap:
            between.append(len(words))
            words.append(gap)
            spaces.append(False)
        if start < next_end:
            place.append(len(words))
            words.append(text[start:next_end])
            spaces.append(False)
        end = next_end
    document = tokens.Doc(vocabulary, words=words, spaces=spaces)
    for name, attribute in COLUMNS.items():
        values = sentence.columns.get(name, ())
        for i, value in zip(place, values, strict=False):
            if value != "_":
                setattr(document[i], f"{attribute.lower()}_", value)
    spans = sentence.found_spans
    if spans is not None:
        entities = [
            tokens.Span(document, place[start], place[end - 1] + 1, label=label)
            for start, end, label in spans
        ]
        document.set_ents(entities)
    document.cats = dict.fromkeys(sentence.labels or (), 1.0)
    known = {"id": sentence.id, "document": sentence.document}
    document.user_data.update({BETWEEN: between, ANNOTATED: spans is not None})
    document.user_data.update({key: value for key, value in known.items() if value is not None})
    return document


def _read_docbin(source: str | Path, options: ReadOptions) -> Iterator[Sentence]:
    return read_docbin(Path(source))


def _save_docbin(sentences: Iterable[Sentence], path: Path, how: Writing) -> None:
    write_docbin(sentences, path)
