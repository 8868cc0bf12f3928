"""A model as files: arrays, JSON and text, with a digest of each; knows nothing of networks."""

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
from ner.errors import DataError, ModelFolderError
from ner.features.featurizer import Featurizer
from ner.features.vectors import VectorStore
from ner.files import read_json, read_manifest, write_folder, write_json

FORMAT = 1
TASK = "ner"
WEIGHTS = "model.safetensors"
VECTORS = "vocabulary/vectors.safetensors"
VOCABULARIES = ("words", "characters", "columns")
FILES = (
    "README.md",
    "config.toml",
    "labels.json",
    "tokenizer.json",
    WEIGHTS,
    *(f"vocabulary/{name}.json" for name in VOCABULARIES),
)
# Keys of the manifest that have a meaning here; the others are the record.
OWN_KEYS = ("format", "task", "features", "network", "files")


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
        vocabularies = model.featurizer.vocabularies()
        for name in VOCABULARIES:
            write_json(target / "vocabulary" / f"{name}.json", vocabularies[name])
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
        "task": TASK,
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
    if manifest.get("task") != TASK:
        raise ModelFolderError(
            f"{folder}: this version knows models of the task {TASK!r}. "
            f"Got {manifest.get('task')!r}. Upgrade."
        )
    lacking = [name for name in FILES if name not in manifest["files"]]
    if lacking:
        raise ModelFolderError(f"{folder}: {', '.join(lacking)} must be there. Got no such file.")
    try:
        labels = read_json(folder / "labels.json")
        vocabularies = {
            name: read_json(folder / f"vocabulary/{name}.json") for name in VOCABULARIES
        }
        vectors = VectorStore.open(folder / VECTORS) if VECTORS in manifest["files"] else None
        model = ModelFolder(
            featurizer=Featurizer.from_settings(manifest["features"], vocabularies, vectors),
            tags=labels["tags"],
            scheme=labels["scheme"],
            network=manifest["network"],
            weights=load_file(folder / WEIGHTS),
            tokenizer=Tokenizer.from_json((folder / "tokenizer.json").read_text(encoding="utf-8")),
            config=(folder / "config.toml").read_text(encoding="utf-8"),
            card=(folder / "README.md").read_text(encoding="utf-8"),
            record={name: value for name, value in manifest.items() if name not in OWN_KEYS},
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelFolderError(f"{folder}: not a whole model: {error!r}.") from error
    except (SafetensorError, DataError) as error:
        raise ModelFolderError(f"{folder}: not a whole model: {error}") from error
    for name, array in model.weights.items():
        if not np.isfinite(array).all():
            raise ModelFolderError(
                f"{folder}: {WEIGHTS}: {name} holds numbers that are not finite."
            )
    return model
