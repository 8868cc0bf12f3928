"""Keys that requests must have, where a service has a file of them."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable
from pathlib import Path

from ner.errors import ConfigError

# What everybody may read: whether the service works, how it is called, and the page, which has no
# text in it.
OPEN_PATHS = frozenset({"/", "/health", "/livez", "/openapi.json", "/readyz"})
OPEN_FOLDER = "/page/"

# Characters of a key at least, so that nobody finds it by trying.
SHORTEST = 16


class ApiKeys:
    """The keys of a file, one on each line; empty lines and lines that begin with # are none.

    Only digests are kept, and each of them is compared in constant time.

    Args:
        file: The file; None where no key is needed.

    Raises:
        ConfigError: The file cannot be read, has no key, or one that is too short.
    """

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._digests: tuple[bytes, ...] = ()
        self.reload()

    def reload(self) -> None:
        """Read the file again; if that fails, the old keys stay.

        Raises:
            ConfigError: As for the class.
        """
        if self._file is None:
            return
        try:
            lines = self._file.read_text(encoding="ascii").splitlines()
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "another encoding than ASCII"
            raise ConfigError(
                f"{self._file}: must be a file of keys. Got {reason.lower()}."
            ) from None
        keys = [key for line in lines if (key := line.strip()) and not key.startswith("#")]
        if not keys:
            raise ConfigError(f"{self._file}: must have a key on a line. Got none.")
        shortest = min(map(len, keys))
        if shortest < SHORTEST:
            raise ConfigError(
                f"{self._file}: keys must have at least {SHORTEST} characters. Got one of "
                f"{shortest}. Make one with: openssl rand -hex 16"
            )
        self._digests = tuple(hashlib.sha256(key.encode()).digest() for key in keys)

    def accept(self, path: str, headers: Iterable[tuple[bytes, bytes]]) -> bool:
        """Tell whether a request may be answered.

        Args:
            path: The path of its address.
            headers: Its headers: `Authorization` with `Bearer KEY`, or with `Basic` and the key as
                password, or `X-API-Key`.
        """
        if self._file is None or path in OPEN_PATHS or path.startswith(OPEN_FOLDER):
            return True
        given = hashlib.sha256(_given_key(dict(headers))).digest()
        # All of them are compared, so that the time does not tell which one is like it.
        return sum(hmac.compare_digest(given, digest) for digest in self._digests) > 0


def _given_key(headers: dict[bytes, bytes]) -> bytes:
    if key := headers.get(b"x-api-key"):
        return key.strip()
    scheme, _, value = headers.get(b"authorization", b"").partition(b" ")
    if scheme.lower() == b"bearer":
        return value.strip()
    if scheme.lower() == b"basic":
        try:
            return base64.b64decode(value.strip(), validate=True).partition(b":")[2]
        except binascii.Error:
            return b""
    return b""
