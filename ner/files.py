"""Folders that appear whole or not at all, and are read only if nothing in them has changed."""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ner.errors import ModelFolderError

MANIFEST = "manifest.json"


def write_folder(folder: Path, manifest: Mapping[str, Any], write: Callable[[Path], None]) -> None:
    """Let `write` fill a folder, add a manifest with the digest of every file, put it in place.

    All is written beside, flushed and renamed: a reader never meets half a folder. An old folder
    is moved aside first, so there is a moment without either.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    beside = folder.with_name(f".{folder.name}.new")
    old = folder.with_name(f".{folder.name}.old")
    shutil.rmtree(beside, ignore_errors=True)
    try:
        beside.mkdir()
        write(beside)
        files = sorted(path for path in beside.rglob("*") if path.is_file())
        digests = {path.relative_to(beside).as_posix(): sha256(path) for path in files}
        content = {**manifest, "files": digests}
        write_json(beside / MANIFEST, {**content, "digest": _digest_of(content)})
        # Whoever may read the manifest may read all: safetensors lets only the owner.
        mode = (beside / MANIFEST).stat().st_mode
        for path in files:
            path.chmod(mode)
        for path in (*beside.rglob("*"), beside):
            _flush(path)
        shutil.rmtree(old, ignore_errors=True)
        if folder.exists():
            folder.rename(old)
        beside.rename(folder)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        if old.exists() and not folder.exists():
            old.rename(folder)
        raise
    _flush(folder.parent)
    shutil.rmtree(old, ignore_errors=True)


def read_manifest(folder: Path, newest_format: int) -> dict[str, Any]:
    """Read the manifest of a folder and check the digest of every file in it.

    Raises:
        ModelFolderError: The folder or a file is missing, changed, or of a newer format.
    """
    if not folder.exists():
        raise ModelFolderError(f"{folder}: no such folder.")
    if not folder.is_dir():
        raise ModelFolderError(f"{folder}: a model is a folder. Got a file.")
    try:
        manifest = read_json(folder / MANIFEST)
        version, files = int(manifest["format"]), dict(manifest["files"])
        digest = manifest.pop("digest")
    except FileNotFoundError:
        inside = sorted(path.parent for path in folder.glob(f"*/{MANIFEST}"))
        hint = f"Did you mean {inside[0]}?" if inside else "Is this a model?"
        raise ModelFolderError(f"{folder}: {MANIFEST} is missing. {hint}") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise ModelFolderError(f"{folder}: {MANIFEST} is damaged.") from None
    if version > newest_format:
        raise ModelFolderError(
            f"{folder}: format {version}, but this version reads up to {newest_format}. Upgrade."
        )
    if digest != _digest_of(manifest):
        raise ModelFolderError(f"{folder}: {MANIFEST} was changed after it was written.")
    for name, expected in files.items():
        if not (folder / name).is_file():
            raise ModelFolderError(f"{folder}: {name} is missing.")
        if sha256(folder / name) != expected:
            raise ModelFolderError(f"{folder}: {name} was changed after it was written.")
    return manifest


def write_json(path: Path, content: Any) -> None:
    """Write JSON in place of `path` in one step."""
    beside = path.with_name(f".{path.name}.new")
    text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
    # Halves of UTF-16 pairs, which a file name or a token may hold, are kept as they are.
    beside.write_text(text, encoding="utf-8", errors="surrogatepass")
    beside.replace(path)


def read_json(path: Path) -> Any:
    """Read what `write_json` wrote."""
    return json.loads(path.read_text(encoding="utf-8", errors="surrogatepass"))


def sha256(path: Path) -> str:
    """Digest a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _digest_of(content: Mapping[str, Any]) -> str:
    text = json.dumps(content, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _flush(path: Path) -> None:
    if os.name == "nt" and path.is_dir():
        return  # Windows cannot open a directory
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
