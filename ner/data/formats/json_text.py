"""JSON to values and back: a value on each line, or the items of one long list with their lines."""

import ast
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from ner.data.formats.options import ReadOptions
from ner.data.formats.records import build_sentences
from ner.data.lines import checked_lines, decode_lines, input_name, read_lines
from ner.data.sentence import Sentence, Source
from ner.data.token_ranges import TokenRanges
from ner.errors import DataError

FIRST_OF_PAIR = re.compile("[\ud800-\udbff](?=[\udc00-\udfff])")
WHITE_SPACE = re.compile(r"[ \t\r\n]*")
DECODER = json.JSONDecoder()
ENCODER = json.JSONEncoder(ensure_ascii=False)

# Ranges of tokens that are written at a time.
RANGES = 1 << 12


def json_lines(lines: Iterable[bytes], name: str) -> Iterator[tuple[Source, Any]]:
    """Yield the value on each line that is not blank, or the DataError of a line without one."""
    for number, line, problem in decode_lines(lines, name):
        if problem is not None:
            yield Source(name, number), problem
        elif line.strip(" \t"):
            try:
                value = line_value(line, f"{name}:{number}")
            except DataError as error:
                value = error
            yield Source(name, number), value


def line_value(line: str, where: str) -> Any:
    """Read the value on a line; `where` is what messages call the line.

    Raises:
        DataError: It is not JSON.
    """
    try:
        return json.loads(line)
    except json.JSONDecodeError as error:
        raise DataError(
            f"{where}: not JSON: {error.msg} at column {error.colno}. "
            "Each line must hold one object."
        ) from None
    except (ValueError, RecursionError) as error:  # such as nesting that is too deep
        raise DataError(f"{where}: not JSON that can be read: {error}.") from None


def object_fields(text: str, start: int = 0) -> Iterator[tuple[str, int, int, Any]]:
    """Yield the key of each field of an object, where its value starts and ends, and the value.

    Args:
        text: Valid JSON.
        start: Where the object begins, or blanks before it.
    """
    position = _after_blanks(text, _after_blanks(text, start) + 1)
    while text[position] != "}":
        key, position = DECODER.raw_decode(text, position)
        place = _after_blanks(text, _after_blanks(text, position) + 1)  # a colon is between
        value, end = DECODER.raw_decode(text, place)
        yield key, place, end, value
        position = _after_blanks(text, end)
        if text[position] == ",":
            position = _after_blanks(text, position + 1)


def item_starts(text: str) -> Iterator[int]:
    """Yield where each item of a list begins; `text` is valid JSON."""
    position = _after_blanks(text, _after_blanks(text, 0) + 1)
    while text[position] != "]":
        yield position
        _, end = DECODER.raw_decode(text, position)
        position = _after_blanks(text, end)
        if text[position] == ",":
            position = _after_blanks(text, position + 1)


def _after_blanks(text: str, position: int) -> int:
    match = WHITE_SPACE.match(text, position)
    return match.end() if match else position


def json_items(
    lines: Iterable[bytes], name: str, key: str | None = None
) -> Iterator[tuple[Source, Any]]:
    """Yield the items of the list that makes up a file, one at a time, with the line of each.

    Args:
        lines: The lines of the file, undecoded.
        name: What messages call the file.
        key: The key of the list if the file holds an object.

    Raises:
        DataError: The file is not JSON, or has no such list.
    """
    reader = _Reader("\n".join(line for _, line in checked_lines(lines, name)), name)
    if key is not None and reader.peek() == "{":
        reader.enter(key)
    if reader.peek() != "[":
        content = "a list" if key is None else f"a list, or an object with a list {key!r}"
        raise DataError(f"{reader.place()}: must be {content}. Got {reader.peek() or 'nothing'}.")
    yield from reader.items()


def json_documents(
    lines: Iterable[bytes], name: str, keys: Sequence[str]
) -> Iterator[tuple[Source, Any]]:
    """Yield the items of a list, or values that follow each other, with the line of each.

    Args:
        lines: The lines of the file, undecoded.
        name: What messages call the file.
        keys: Where an object may hold the list, if that is the whole file.

    Raises:
        DataError: The file is not JSON.
    """
    reader = _Reader("\n".join(line for _, line in checked_lines(lines, name)), name)
    for key in keys:
        with suppress(DataError):
            if reader.peek() == "{":
                reader.enter(key)
            if reader.peek() == "[":
                break
        reader.position = reader.counted = 0
        reader.line = 1
    if reader.peek() == "[":
        yield from reader.items()
    else:
        yield from reader.values()


def list_reader(
    build: Callable[[Any, Source, ReadOptions], Sentence | None], key: str | None = None
) -> Callable[[str | Path, ReadOptions], Iterator[Sentence]]:
    """Return the reader of a format whose files are one JSON list, with an item for each sentence.

    Args:
        build: Makes a sentence of an item; None leaves the item out. It may raise `FieldError`.
        key: The key of the list in files that hold an object.
    """

    def read(source: str | Path, options: ReadOptions) -> Iterator[Sentence]:
        items = json_items(
            read_lines(source, options.encoding, max_line=options.max_line), input_name(source), key
        )
        return build_sentences(
            items, lambda item, place: build(item, place, options), options.problems
        )

    return read


def cell_value(cell: str) -> Any:
    """Read a cell of JSON, or of a Python list as pandas writes it; None if it is neither."""
    for read in (json.loads, ast.literal_eval):
        try:
            return read(cell)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
    return None


def dump(value: Any) -> str:
    """Write a value on one line that can be encoded as UTF-8."""
    if type(value) is TokenRanges:
        parts = (value[i : i + RANGES] for i in range(0, len(value), RANGES))
        return f"[{', '.join(json.dumps(part)[1:-1] for part in parts)}]"
    if isinstance(value, dict) and TokenRanges in map(type, value.values()):
        return f"{{{', '.join(f'{dump(name)}: {dump(each)}' for name, each in value.items())}}}"
    line = ENCODER.encode(value)
    if line.isascii():  # as most often, and faster than to try
        return line
    try:
        line.encode("utf-8")
    except UnicodeEncodeError:
        # Lone surrogates can be escaped. Two of them in a row would be read as one character,
        # which would move every offset after them.
        line = json.dumps(json.loads(FIRST_OF_PAIR.sub("\ufffd", line)))
    return line


def dump_list(values: Iterable[Any]) -> Iterator[str]:
    """Yield the lines of a list of values, with a value on each line."""
    before = "["
    for value in values:
        yield before + dump(value)
        before = ","
    yield "[]" if before == "[" else "]"


class _Reader:
    """Reads JSON text one value after the other."""

    def __init__(self, text: str, name: str) -> None:
        self.text, self.name = text, name
        self.position, self.counted, self.line = 0, 0, 1

    def place(self) -> str:
        return f"{self.name}:{self._line_at(self.position)}"

    def peek(self) -> str:
        match = WHITE_SPACE.match(self.text, self.position)
        self.position = match.end() if match else self.position
        return self.text[self.position : self.position + 1]

    def enter(self, key: str) -> None:
        """Go to the value of a key of the object that begins here."""
        self.position += 1
        while self.peek() == '"':
            found = self._value()
            self._expect(":")
            self.peek()
            if found == key:
                return
            self._value()
            if self.peek() == ",":
                self.position += 1
        raise DataError(f"{self.name}: must be an object with a list {key!r}. Got no such key.")

    def items(self) -> Iterator[tuple[Source, Any]]:
        self.position += 1
        while self.peek() != "]":
            source = Source(self.name, self._line_at(self.position))
            yield source, self._value()
            if self.peek() != "]":
                self._expect(",")

    def values(self) -> Iterator[tuple[Source, Any]]:
        """Yield the values that follow each other up to the end."""
        while self.peek():
            yield Source(self.name, self._line_at(self.position)), self._value()

    def _value(self) -> Any:
        try:
            value, self.position = DECODER.raw_decode(self.text, self.position)
        except json.JSONDecodeError as error:
            raise DataError(
                f"{self.name}:{error.lineno}: not JSON: {error.msg} at column {error.colno}."
            ) from None
        except (ValueError, RecursionError) as error:
            raise DataError(f"{self.place()}: not JSON that can be read: {error}.") from None
        return value

    def _expect(self, character: str) -> None:
        if self.peek() != character:
            found = self.peek()
            raise DataError(
                f"{self.place()}: not JSON: {character!r} is missing. "
                f"Got {repr(found) if found else 'the end of the file'}."
            )
        self.position += 1

    def _line_at(self, position: int) -> int:
        self.line += self.text.count("\n", self.counted, position)
        self.counted = position
        return self.line
