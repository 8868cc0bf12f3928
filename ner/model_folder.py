"""A model as files: arrays, JSON and text, with a digest of each; knows nothing of networks."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from ner.data.schemes import Scheme
from ner.data.tokenizer import Tokenizer
from ner.errors import ModelFolderError
from ner.features.featurizer import Featurizer
from ner.features.vectors import VectorStore
from ner.files import read_manifest, write_folder, write_json

FORMAT = 1
WEIGHTS = "model.safetensors"
VECTORS = "vocabulary/vectors.safetensors"


@dataclass(frozen=True)
class ModelFolder:
    """All that a model consists of.

    Args:
        featurizer: Strings to arrays.
        tags: Of the head, in the order of its scores.
        scheme: Of the tags.
        network: What the network was built from.
        weights: Arrays by name.
        tokenizer: For raw text.
        config: The resolved configuration as TOML; for people, and for further training.
        card: The model card, Markdown.
        record: Further facts for the manifest: versions, metrics, data digests, seed.
    """

    featurizer: Featurizer
    tags: Sequence[str]
    scheme: Scheme
    network: Mapping[str, Any]
    weights: Mapping[str, NDArray[Any]]
    tokenizer: Tokenizer
    config: str = ""
    card: str = ""
    record: Mapping[str, Any] = field(default_factory=dict)


def save_model(folder: Path, model: ModelFolder) -> None:
    """Write a model folder; one that is there is replaced in one step."""

    def write(target: Path) -> None:
        (target / "vocabulary").mkdir()
        for name, entries in model.featurizer.vocabularies().items():
            write_json(target / "vocabulary" / f"{name}.json", entries)
        if model.featurizer.vectors is not None:
            model.featurizer.vectors.save(target / VECTORS)
        write_json(target / "labels.json", {"scheme": model.scheme, "tags": list(model.tags)})
        (target / "tokenizer.json").write_text(model.tokenizer.to_json(), encoding="utf-8")
        (target / "config.toml").write_text(model.config, encoding="utf-8")
        (target / "README.md").write_text(model.card, encoding="utf-8")
        weights = {name: np.ascontiguousarray(array) for name, array in model.weights.items()}
        save_file(weights, target / WEIGHTS)

    manifest = {
        "format": FORMAT,
        "task": "ner",
        "features": model.featurizer.settings(),
        "network": dict(model.network),
        **model.record,
    }
    write_folder(folder, manifest, write)


def load_model(folder: Path) -> ModelFolder:
    """Read a model folder.

    Raises:
        ModelFolderError: Something is missing, changed, of a newer format, or not finite.
    """
    manifest = read_manifest(folder, FORMAT)
    try:
        labels = json.loads((folder / "labels.json").read_text(encoding="utf-8"))
        vocabularies = {
            path.stem: json.loads(path.read_text(encoding="utf-8", errors="surrogatepass"))
            for path in sorted((folder / "vocabulary").glob("*.json"))
        }
        vectors = VectorStore.open(folder / VECTORS) if VECTORS in manifest["files"] else None
        weights = load_file(folder / WEIGHTS)
        model = ModelFolder(
            featurizer=Featurizer.from_settings(manifest["features"], vocabularies, vectors),
            tags=labels["tags"],
            scheme=labels["scheme"],
            network=manifest["network"],
            weights=weights,
            tokenizer=Tokenizer.from_json(
                (folder / "tokenizer.json").read_text(encoding="utf-8")
            ),
            config=(folder / "config.toml").read_text(encoding="utf-8"),
            record={
                name: value
                for name, value in manifest.items()
                if name not in ("format", "task", "features", "network", "files")
            },
        )
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise ModelFolderError(f"{folder}: not a whole model: {error!r}.") from None
    for name, array in weights.items():
        if not np.isfinite(array).all():
            raise ModelFolderError(f"{folder}: {WEIGHTS}: {name} holds numbers that are not finite.")
    return model
