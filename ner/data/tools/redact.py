"""Placeholders such as <PER_1> in place of entities, and the entities in place of placeholders."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ner.choices import RedactionScope
from ner.data.formats.json_text import dump, item_starts, object_fields
from ner.data.sentence import Entity
from ner.data.tools.passages import Change, Passage
from ner.errors import DataError
from ner.files import replacing

# What looks like a placeholder. Where it is in a text already, it gets a placeholder itself, so
# that it is not taken for one later.
PLACEHOLDER = re.compile(r"<([^<>\n]+)_([0-9]+)>")
LOOKALIKE = "TEXT"

# What placeholders stand for: parts of strings of JSON, as they were in the file if it was JSON.
Literals = dict[str, str]


class Redactor:
    """Replaces entities by placeholders: equal parts of texts with one label by an equal one.

    Args:
        scope: Where equal parts get an equal placeholder.
        is_reversible: Whether the texts can be restored: what looks like a placeholder before gets
            one, too.
        known: The placeholders of an earlier run, and what they stand for.
    """

    def __init__(
        self,
        scope: RedactionScope = "run",
        *,
        is_reversible: bool = False,
        known: Mapping[str, str] | None = None,
    ) -> None:
        self.scope: RedactionScope = scope
        self.is_reversible = is_reversible
        self.documents: list[Literals] = [dict(known or {})]
        """What the placeholders stand for; in each document, if that is the scope."""
        self._placeholders: dict[tuple[str, str], str] = {}
        self._counts: Counter[str] = Counter()
        self._document = 0
        for placeholder, literal in self.documents[0].items():
            label, number = PLACEHOLDER.fullmatch(placeholder).groups()  # pyright: ignore[reportOptionalMemberAccess]
            self._placeholders[label, json.loads(f'"{literal}"')] = placeholder
            self._counts[label] = max(self._counts[label], int(number))

    def changes(self, passage: Passage, entities: Iterable[Entity]) -> list[Change]:
        """Return what replaces the entities of a passage, which follow each other."""
        if self.scope == "document":
            self._begin(passage.document)
        places = [(entity.start, entity.end, entity.label) for entity in entities]
        if self.is_reversible:
            places += list(_lookalikes(passage.text, places))
        return [self._change(passage, *place) for place in sorted(places)]

    def _begin(self, document: int) -> None:
        """Forget the placeholders of the documents before."""
        new: list[Literals] = [{} for _ in range(self._document, document)]
        if new:
            self._document = document
            self._placeholders.clear()
            self._counts.clear()
            if not self.is_reversible:  # nobody asks for them
                self.documents.clear()
            self.documents += new

    def _change(self, passage: Passage, start: int, end: int, label: str) -> Change:
        text = passage.text[start:end]
        placeholder = self._placeholders.get((label, text))
        if placeholder is None:
            self._counts[label] += 1
            placeholder = f"<{label}_{self._counts[label]}>"
            self._placeholders[label, text] = placeholder
            self.documents[-1][placeholder] = passage.literal(start, end)
        return Change(start, end, placeholder, dump(placeholder)[1:-1])


class Restorer:
    """Replaces placeholders by what they stand for.

    Args:
        literals: What that is; for each document, if it is a list.
        where: What messages call the map.
    """

    def __init__(self, literals: Literals | list[Literals], where: str) -> None:
        self._literals = literals
        self._where = where

    def changes(self, passage: Passage) -> list[Change]:
        """Return what replaces the placeholders of a passage; others stay as they are.

        Raises:
            DataError: The map is for fewer documents.
        """
        known = self._literals
        if isinstance(known, list):
            if passage.document >= len(known) and PLACEHOLDER.search(passage.text):
                raise DataError(
                    f"{self._where}: must be the map of this file. "
                    f"Got one of {len(known)} texts, but there are more."
                )
            known = known[passage.document] if passage.document < len(known) else {}
        found = ((match, known.get(match[0])) for match in PLACEHOLDER.finditer(passage.text))
        return [
            Change(*match.span(), json.loads(f'"{literal}"'), literal)
            for match, literal in found
            if literal is not None
        ]


def write_map(path: Path, redactor: Redactor) -> None:
    """Write what placeholders stand for into a file that only its owner may read.

    It holds an object of JSON, or a list of such if a document is the scope.
    """
    objects = map(_object, redactor.documents)
    text = next(objects) if redactor.scope == "run" else "[" + ",\n".join(objects) + "]"
    with replacing(path) as temporary:
        temporary.unlink(missing_ok=True)
        temporary.touch(mode=0o600)
        temporary.write_text(text + "\n", encoding="utf-8")


def read_map(path: Path) -> Literals | list[Literals]:
    """Read a file that `write_map` wrote.

    Raises:
        DataError: There is no such file, or it is not such a map.
    """
    try:
        text = path.read_text(encoding="utf-8")
        value = json.loads(text)
    except FileNotFoundError:
        raise DataError(f"{path}: no such file.") from None
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{path}: must be a map of ner redact. Got: {error}.") from None
    if not all(map(_is_map, value if isinstance(value, list) else [value])):
        raise DataError(f"{path}: must hold what placeholders such as <PER_1> stand for.")
    if not isinstance(value, list):
        return _literals(text, 0)
    return [_literals(text, start) for start in item_starts(text)]


def _object(literals: Mapping[str, str]) -> str:
    """Return an object whose values are written as they were in the file."""
    fields = (f'\n {dump(name)}: "{literal}"' for name, literal in literals.items())
    return "{" + ",".join(fields) + ("\n}" if literals else "}")


def _literals(text: str, start: int) -> Literals:
    """Return the values of the object that begins somewhere as they are written there."""
    return {name: text[a + 1 : b - 1] for name, a, b, _ in object_fields(text, start)}


def _lookalikes(
    text: str, places: Iterable[tuple[int, int, str]]
) -> Iterator[tuple[int, int, str]]:
    """Yield what looks like a placeholder, and is not part of an entity."""
    begin = 0
    for start, end, _ in (*places, (len(text), len(text), "")):
        for match in PLACEHOLDER.finditer(text, begin, start):
            yield *match.span(), LOOKALIKE
        begin = end


def _is_map(value: Any) -> bool:
    return isinstance(value, dict) and all(
        isinstance(text, str) and PLACEHOLDER.fullmatch(name) for name, text in value.items()
    )
