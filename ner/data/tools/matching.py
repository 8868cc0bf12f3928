"""Which records are about the same text: those with the same id, or with the same characters.

White space may differ. A file of columns has lost it, and people tokenize texts before they label
them: then the text is that of a file that kept it, and the tokens are those of the other one.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from ner.data.lines import short
from ner.data.partial import Allowed
from ner.data.schemes import spans_from_tags
from ner.data.sentence import Sentence
from ner.data.spans import Notes, without_spaces
from ner.data.tools.spacing import Respacing, is_joined, respaced
from ner.data.tools.suggestions import Opinion, Placing
from ner.data.tools.teachers import Labelled


@dataclass
class Text:
    """A text, and the records that label it.

    Args:
        sentence: The text with its tokens.
        has_tokens: Whether a file says what the tokens are.
    """

    sentence: Sentence
    has_tokens: bool
    records: list[Labelled] = field(default_factory=list)
    """The records that are about it."""
    readers: set[str] = field(default_factory=set)
    """The teachers who have labelled it, and the files that hold it without labels."""
    ids: dict[str, str] = field(default_factory=dict)
    """Its id in each file."""

    def add(self, record: Labelled, origin: str, notes: Notes) -> None:
        """Add a record.

        Args:
            record: The record.
            origin: The file or list that has it.
            notes: Gets what the record has beside labels and is not kept.
        """
        self.records.append(record)
        self.readers.update(_readers(record, origin))
        if record.id is not None:
            self.ids.setdefault(origin, record.id)
        own = record.sentence
        if own is None or own is self.sentence:
            return
        if Respacing.between(own.text, self.sentence.text) is not None:
            own = self._in_one_spacing(own)
        if own.text != self.sentence.text:
            notes.changes.append(
                f"{record.place}: other text than {self.sentence.source} with its id; spans are "
                "found by their words."
            )
        elif record.has_tokens and not self.has_tokens:
            own, self.sentence, self.has_tokens = self.sentence, own, True
        self._complete(own, notes)

    def _in_one_spacing(self, other: Sentence) -> Sentence:
        """Return the other sentence with the text of this one, or take over its text."""
        if is_joined(self.sentence):
            self.sentence = respaced(self.sentence, other.text)
            return other
        return respaced(other, self.sentence.text)

    def _complete(self, other: Sentence, notes: Notes) -> None:
        """Take over what is known beside labels of spans."""
        known = {n: getattr(other, n) for n in ("id", "document", "labels", "columns")}
        known = {name: value for name, value in known.items() if value}
        own = {name: getattr(self.sentence, name) for name in known}
        is_aligned = tuple(other.offsets) == tuple(self.sentence.offsets)
        new = {n: v for n, v in known.items() if not own[n] and (n != "columns" or is_aligned)}
        if new:
            self.sentence = self.sentence.replace(**new)
        for name, value in known.items():
            if name != "id" and name not in new and value != own[name]:
                notes.ignored[f"fields {name!r} that other files have in another way"] += 1

    def opinions(self, placing: Placing) -> dict[str, Opinion]:
        """Return what teachers say; several records of a teacher belong together."""
        found: dict[str, Opinion] = {}
        for record in self.records:
            for name, opinion in placing.opinions(record, self.sentence).items():
                found[name] = _joined(found[name], opinion) if name in found else opinion
        return found

    def annotated(self, allowed: Allowed) -> Sentence:
        """Return the text with spans, or with the tags that each token may have if that is open."""
        is_settled = all(len(tags) == 1 for tags in allowed)
        spans = spans_from_tags([tags[0] for tags in allowed]) if is_settled else None
        left = None if is_settled else allowed
        return self.sentence.replace(spans=spans, allowed=left, prediction=None)


class Texts:
    """Texts, each once; a file that has a text several times has several texts.

    Args:
        notes: Gets what is not kept.
    """

    def __init__(self, notes: Notes) -> None:
        self.notes = notes
        self.texts: list[Text] = []
        """The texts in the order in which they were read."""
        self._by_id: dict[str, Text] = {}
        self._by_text: defaultdict[str, list[Text]] = defaultdict(list)
        self._without_text: list[tuple[Labelled, str]] = []

    def read(self, records: Iterable[Labelled], origin: str) -> None:
        """Add the texts of a file or list; records without a text wait for those of later ones."""
        for record in records:
            if record.sentence is None:
                self._without_text.append((record, origin))
            elif record.sentence.tokens:
                self._add(record, record.sentence, origin)
            else:
                self.notes.ignored["texts without tokens"] += 1

    def match_by_id(self) -> None:
        """Add the records without a text to the texts with their ids."""
        for record, origin in self._without_text:
            found = self._by_id.get(record.id or "")
            if found is None:
                self.notes.changes.append(
                    f"{record.place}: dropped: no text has the id {short(record.id)}."
                )
            else:
                found.add(record, origin, self.notes)

    def _add(self, record: Labelled, sentence: Sentence, origin: str) -> None:
        found = self._by_id.get(record.id) if record.id is not None else None
        if found is None:
            same = self._by_text[without_spaces(sentence.text)]
            fitting = [text for text in same if _may_be(text, record, origin)]
            fitting.sort(key=lambda text: text.sentence.text != sentence.text)
            found = next(iter(fitting), None)
        if found is None:
            found = Text(sentence, record.has_tokens)
            self.texts.append(found)
            self._by_text[without_spaces(sentence.text)].append(found)
        found.add(record, origin, self.notes)
        if record.id is not None:
            self._by_id.setdefault(record.id, found)


def _joined(first: Opinion, second: Opinion) -> Opinion:
    """Join two passes of one teacher over a text, such as one for each label."""
    types = None
    if first.types is not None and second.types is not None:
        types = first.types | second.types
    unread = first.unread & second.unread
    return Opinion({**first.spans, **second.spans}, unread, types, first.weight)


def _readers(record: Labelled, origin: str) -> set[str]:
    return {*record.suggestions} or {f"{origin}:"}


def _may_be(text: Text, record: Labelled, origin: str) -> bool:
    """Whether a record may be about a text with its characters."""
    known = text.ids.get(origin, record.id)
    return text.readers.isdisjoint(_readers(record, origin)) and known == record.id
