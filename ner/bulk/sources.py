"""The files that are to be tagged: named, in folders, or found by patterns."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from ner.bulk.places import URL, Place
from ner.errors import ConfigError, DataError

Kind = Literal["parquet", "jsonl", "text"]

# What a file is, by its ending.
KINDS: dict[str, Kind] = {
    ".parquet": "parquet",
    ".pq": "parquet",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".txt": "text",
}

# The endings of packed files, which pyarrow unpacks. Parquet files are packed inside.
PACKED = (".gz", ".zst", ".bz2")

WILDCARD = re.compile(r"[*?[]")
WILDCARD_OF_URL = re.compile(r"[*[]")

# The parts of a pattern: a set of characters, or a single one.
TOKEN = re.compile(r"\[!?\]?[^\]]*\]|.", re.DOTALL)


@dataclass(frozen=True)
class SourceFile:
    """A file to tag.

    Args:
        name: Its URL or its absolute path.
        kind: What it is.
        size: The number of its bytes, as far as that is known.
        modified: When it was changed, in nanoseconds, as far as that is known.
    """

    name: str
    kind: Kind
    size: int | None
    modified: int | None

    @property
    def is_packed(self) -> bool:
        """Whether its content has to be unpacked."""
        return _path(self.name).suffix.lower() in PACKED


def find_files(sources: str | Path | Iterable[str | Path], out: Place) -> list[SourceFile]:
    """Find the files of all sources, each once; those of a folder in the order of their names.

    Args:
        sources: Files, folders, patterns such as `news/**/*.parquet`, and URLs of such.
        out: The folder of results, in which nothing is looked for.

    Raises:
        ConfigError: There is no source.
        DataError: A source is missing, holds no files, or is of an unknown kind.
    """
    given = [sources] if isinstance(sources, str | Path) else list(sources)
    if not given:
        raise ConfigError("sources: must be at least one file, folder or URL. Got none.")
    found: dict[str, SourceFile] = {}
    for source in given:
        for file in _files_of(source, out):
            found.setdefault(file.name, file)
    return list(found.values())


def _files_of(source: str | Path, out: Place) -> Iterator[SourceFile]:
    place = Place.find(source)
    is_url = URL.match(str(source)) is not None
    info = place.info()
    if info.is_file:
        kind = kind_of(place.name)
        if kind is None:
            raise DataError(
                f"{source}: must end in {' '.join(KINDS)}, and may be packed as "
                f"{' '.join(PACKED)}. Got another ending."
            )
        yield _file(place, info, kind)
        return
    if info.type.name == "Directory":
        files = list(_known(place, place.files(is_deep=True), out))
        if not files:
            raise DataError(f"{source}: must hold files that end in {' '.join(KINDS)}. Got none.")
    elif (WILDCARD_OF_URL if is_url else WILDCARD).search(place.path):
        base, pattern = _pattern(place)
        matching = [f for f in base.files(is_deep=True) if pattern.fullmatch(f.path)]
        files = list(_known(base, matching, out))
        if not files:
            raise DataError(f"{source}: must match a file. Got no such file.")
    else:
        raise DataError(f"{source}: no such file.")
    yield from files


def kind_of(name: str) -> Kind | None:
    """Return what a file is, by its ending; None where that is unknown.

    >>> kind_of("news/2024.jsonl.gz")
    'jsonl'
    """
    path = _path(name)
    ending = path.suffix.lower()
    if ending in PACKED:
        kind = KINDS.get(PurePosixPath(path.stem).suffix.lower())
        return None if kind == "parquet" else kind
    return KINDS.get(ending)


def _path(name: str) -> PurePosixPath:
    """Return a name without the options of a URL."""
    return PurePosixPath(name.partition("?")[0] if URL.match(name) else name)


def _known(folder: Place, files: Iterable[Any], out: Place) -> Iterator[SourceFile]:
    """Yield the files of a known kind; those that begin with a dot or `_` are none of the data."""
    own = out.path.rstrip("/") + "/" if folder.system == out.system else None
    for info in files:
        below = PurePosixPath(info.path[len(folder.path.rstrip("/")) :].lstrip("/"))
        is_hidden = any(part.startswith((".", "_")) for part in below.parts)
        kind = kind_of(info.path)
        if kind and not is_hidden and not (own and info.path.startswith(own)):
            yield _file(folder.within(info.path), info, kind)


def _file(place: Place, info: Any, kind: Kind) -> SourceFile:
    return SourceFile(place.name, kind, info.size, info.mtime_ns)


def _pattern(place: Place) -> tuple[Place, re.Pattern[str]]:
    """Return the folder below which a pattern looks, and what the paths of its files match."""
    parts = place.path.split("/")
    first = next(i for i, part in enumerate(parts) if WILDCARD.search(part))
    cut = len("/".join(parts[first:]))
    # The name ends as the path does, apart from the options of a URL.
    name = place.name.partition("?")[0] if URL.match(place.name) else place.name
    base = Place(name[:-cut].rstrip("/") or "/", place.system, "/".join(parts[:first]) or "/")
    steps = [re.escape("/".join(parts[:first]))] if first else []
    pattern = "/".join(steps)
    for i, part in enumerate(parts[first:]):
        separator = "/" if (i or first) else ""
        if part == "**":
            pattern += "(?:" + separator + "[^/]+)*"
        else:
            pattern += separator + _segment(part)
    return base, re.compile(pattern)


def _segment(part: str) -> str:
    """Translate a part of a pattern between two slashes, none of which it matches."""
    return TOKEN.sub(lambda found: _translated(found[0]), part)


def _translated(token: str) -> str:
    if token in ("*", "?"):
        return "[^/]" + token.replace("?", "")
    if len(token) > 1:
        inside = token[1:-1].replace("\\", "\\\\")
        return f"(?!/)[{'^' + inside[1:] if inside.startswith('!') else inside}]"
    return re.escape(token)
