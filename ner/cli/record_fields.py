"""Fields of JSON records that a sentence does not hold, on their way past the model."""

from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ner.data.formats.options import ReadOptions
    from ner.data.sentence import PredictedSentence, Sentence

# Fields of a record that come back as they were: their types may differ from those of a sentence.
NAMES = ("id", "document")

# Changes to records that are listed.
MOST_SHOWN = 10

# Fields with an item for each token, which say nothing without the places of tokens.
OF_TOKENS = frozenset(("words", "allowed", "columns", "attention"))


class Skipped(Enum):
    """What stands in a stream for a line that is no text, so that nobody waits for the next one."""

    SKIPPED = "skipped"


SKIPPED = Skipped.SKIPPED


class RecordFields:
    """Reads records, and keeps those of their fields that go into the output as they are."""

    def __init__(self) -> None:
        from ner.data.spans import Notes

        self.notes = Notes()
        """What reading changed and left out."""
        self.is_kept = True
        """Whether fields are kept; otherwise they are counted in `left_out`."""
        self.has_sentences = False
        """Whether the output holds what sentences hold, so that ids and labels are in it."""
        self.has_tokens = True
        """Whether the output has the places of tokens that the model cut."""
        self.is_text = False
        """Whether the source is raw text, all of whose tokens the model cut."""
        self.left_out: Counter[str] = Counter()
        """How often a field is not in the output."""
        # With each, whether the model cut its tokens.
        self._waiting: deque[tuple[dict[str, Any], bool]] = deque()
        self._read: set[str] = set()

    def read(
        self,
        lines: Iterable[bytes],
        name: str,
        options: "ReadOptions",
        *,
        is_list: bool,
        is_stdin: bool,
    ) -> "Iterator[Sentence | Skipped]":
        """Yield the sentences of records, and keep the other fields of each.

        Args:
            lines: The lines of the file, undecoded.
            name: What messages call the file.
            options: How records become sentences.
            is_list: Whether the file is one JSON list of records.
            is_stdin: Whether to yield `SKIPPED` for a record that is left out.
        """
        from ner.data.formats.json_text import json_items, json_lines
        from ner.data.formats.jsonl import read_records

        for place, record in json_items(lines, name) if is_list else json_lines(lines, name):
            for sentence in read_records([(place, record)], options):
                self._keep(record, sentence, options.roles)
                yield sentence
                break
            else:
                if is_stdin:
                    yield SKIPPED

    def add_to(self, record: dict[str, Any], sentence: "PredictedSentence") -> dict[str, Any]:
        """Return the record of a prediction together with the fields that were kept for it.

        Args:
            record: The fields of the next prediction, in the order of reading.
            sentence: The prediction itself.
        """
        kept, is_cut = self._waiting.popleft() if self._waiting else ({}, self.is_text)
        if is_cut and not self.has_tokens and OF_TOKENS.isdisjoint(record):
            del record["tokens"]
        if not kept:
            return record
        from ner.data.formats.jsonl import LABEL_KEYS

        labels = {name: kept.pop(name) for name in LABEL_KEYS if name in kept}
        if labels and sentence.prediction.labels is None:
            record = {n: v for n, v in record.items() if n != "labels"} | labels
        for name, value in kept.items():
            if name in NAMES or name not in record:
                record[name] = value
            else:
                self.left_out[name] += 1
        return record

    def lost(self, name: str) -> Iterator[str]:
        """Yield lines on what is not in the output; `name` is what messages call the file."""
        changes = self.notes.changes
        yield from changes[:MOST_SHOWN]
        if len(changes) > MOST_SHOWN:
            yield f"{name}: {len(changes) - MOST_SHOWN} more of this kind."
        for field, count in self.left_out.items():
            yield f"{name}: left out: {count} fields {field!r}."
        for kind, count in self.notes.ignored.items():
            if kind not in self._read:
                yield f"{name}: left out: {count} {kind}."

    def _keep(
        self, record: Mapping[str, Any], sentence: "Sentence", roles: Mapping[str, str]
    ) -> None:
        """Keep the fields of a record, except those that were read under other names.

        Args:
            record: The record.
            sentence: What it became.
            roles: Names of fields by what they hold, see `ReadOptions.roles`.
        """
        from ner.data.formats.columns import TOKEN_LIST_NAMES
        from ner.data.formats.jsonl import KNOWN_KEYS, LABEL_KEYS
        from ner.data.lines import short

        names = NAMES if sentence.labels is None else (*NAMES, *LABEL_KEYS)
        others = {n: v for n, v in record.items() if n not in roles.values()}
        kept = {n: v for n, v in others.items() if n in names or n not in KNOWN_KEYS}
        # What the notes call these fields.
        self._read.update(f"fields {short(name)}" for name in kept)
        if self.is_kept:
            of_tokens = (*TOKEN_LIST_NAMES, roles.get("tokens"), "columns")
            self._waiting.append((kept, not any(name in record for name in of_tokens)))
        else:
            held = (*NAMES, *LABEL_KEYS) if self.has_sentences else ()
            self.left_out.update(name for name in kept if name not in held)
