"""What a safetensors file says of itself: its arrays, and where each of them is."""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from ner.files import distinct_keys, sha256

# Bytes of a safetensors header at most; the library refuses longer ones.
# Source: https://github.com/huggingface/safetensors, "Prevent DOS attacks"
MAX_HEADER = 100_000_000


@dataclass(frozen=True)
class SafetensorsHeader:
    """The header of a safetensors file: the arrays in the file, and the place of each.

    Args:
        content: The header as it is in the file: eight bytes with the length of the JSON text, then
            the text.

    Source: https://github.com/huggingface/safetensors#format
    """

    content: bytes

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read the header of a file. It is not checked before `arrays` is asked for."""
        with path.open("rb") as file:
            length = file.read(8)
            text = file.read(min(int.from_bytes(length, "little"), MAX_HEADER))
        return cls(length + text)

    @cached_property
    def arrays(self) -> dict[str, Any]:
        """The `dtype`, `shape` and `data_offsets` of each array, by its name.

        Offsets are counted from the end of the header.

        Raises:
            ValueError: The header is damaged.
        """
        try:
            found = json.loads(self.content[8:], object_pairs_hook=distinct_keys)
        except RecursionError:
            raise ValueError("the header must not be nested so deeply") from None
        if type(found) is not dict:
            raise ValueError("the header must hold arrays by name")
        return found

    @property
    def digest(self) -> str:
        """The SHA-256 of the header."""
        return sha256([self.content])
