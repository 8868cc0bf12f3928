"""Signs a model folder again after a test has changed it, as whoever wrote it could."""

import hashlib
import json

MANIFEST = "manifest.json"


def sign(folder, change=lambda manifest: None):
    """Write the digests of all files that the manifest names, and its own.

    Args:
        folder: The folder.
        change: Changes the manifest before it is signed.
    """
    manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    del manifest["digest"]
    for name in manifest["files"]:
        content = (folder / name).read_bytes()
        manifest["files"][name] = hashlib.sha256(content).hexdigest()
    change(manifest)
    signed = json.dumps(manifest, sort_keys=True).encode()
    manifest["digest"] = hashlib.sha256(signed).hexdigest()
    (folder / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
