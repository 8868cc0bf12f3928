"""spaCy's training tuples as JSON: `[["text", {"entities": [[0, 3, "PER"]]}], ...]`."""

from collections.abc import Iterable, Iterator
from typing import Any

from ner.data.formats.json_text import dump_list, json_items
from ner.data.formats.records import Tokenize, build_sentences, char_span, text_sentence
from ner.data.lines import short
from ner.data.sentence import Sentence, Source
from ner.data.spans import FieldError, SpanRules
from ner.errors import DataError

# From which value on a category is one of the text's labels.
IS_LABEL = 0.5


def read_spacy_json(
    lines: Iterable[bytes],
    name: str,
    tokenize: Tokenize,
    problems: list[DataError] | None = None,
    rules: SpanRules | None = None,
) -> Iterator[Sentence]:
    """Yield the sentences of a list of texts with their annotation.

    "entities" are spans; "cats" are labels of the text where their value is at least one half.
    The list may stand under "annotations" in an object, where null marks what nobody annotated.

    Args:
        lines: The lines of the file, undecoded.
        name: What messages call the file.
        tokenize: Cuts the texts.
        problems: Where to put the errors of items that cannot be read, which are left out; None
            raises the first one.
        rules: What to do with spans that are not whole tokens, or overlap; None refuses them.

    Raises:
        DataError: It is no JSON list of pairs, or a span does not fit.
    """
    used = rules or SpanRules()

    def build(item: Any, source: Source) -> Sentence | None:
        if item is None:
            used.notes.changes.append(f"{source}: left out: null, not annotated.")
            return None
        is_pair = isinstance(item, list) and len(item) == 2
        if not is_pair or not isinstance(item[0], str) or not isinstance(item[1], dict):
            raise FieldError(f"a text and an object with its entities. Got {short(item)}.")
        text, known = item
        given = known.get("entities")
        spans = None
        if given is not None:
            if not isinstance(given, list) or not all(
                isinstance(e, list) and len(e) == 3 for e in given
            ):
                raise FieldError(f"entities: a list of [start, end, label]. Got {short(given)}.")
            spans = [char_span(*entity, shown=entity) for entity in given]
        return text_sentence(text, spans, source, tokenize, used, labels=_labels(known))

    return build_sentences(json_items(lines, name, "annotations"), build, problems)


def write_spacy_json(sentences: Iterable[Sentence]) -> Iterator[str]:
    """Yield the lines, without newline, of a list of texts with their annotation."""
    return dump_list(map(_pair, sentences))


def _labels(known: dict[str, Any]) -> tuple[str, ...] | None:
    cats = known.get("cats")
    if cats is None or cats == {}:
        return None
    if not isinstance(cats, dict) or not all(isinstance(v, int | float) for v in cats.values()):
        raise FieldError(f"cats: an object of numbers. Got {short(cats)}.")
    return tuple(label for label, value in cats.items() if value >= IS_LABEL)


def _pair(sentence: Sentence) -> list[Any]:
    known: dict[str, Any] = {}
    if sentence.found_spans is not None:
        known["entities"] = [[e.start, e.end, e.label] for e in sentence.found_entities]
    if sentence.labels:
        known["cats"] = dict.fromkeys(sentence.labels, 1.0)
    return [sentence.text, known]
