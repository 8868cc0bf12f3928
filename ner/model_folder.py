"""A model as files: arrays, JSON and text, with a digest of each; knows nothing of networks."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from ner.choices import Precision
from ner.data.tokenizer import Tokenizer
from ner.errors import ConfigError, DataError, ModelFolderError
from ner.features.featurizer import Featurizer
from ner.features.vectors import VectorStore
from ner.files import read_json, read_manifest, sha256, write_folder, write_json
from ner.tasks import TASKS, Task, read_task

FORMAT = 1
WEIGHTS = "model.safetensors"
VECTORS = "vocabulary/vectors.safetensors"

# What ONNX Runtime reads, where an export wrote it: vectors of words, and the rest by precision.
WORDS_GRAPH, MODEL_GRAPH, INT8_GRAPH = "words.onnx", "model.onnx", "model.int8.onnx"
GRAPHS: dict[Precision, str] = {"fp32": MODEL_GRAPH, "int8": INT8_GRAPH}
GRAPH_FILES = (WORDS_GRAPH, *GRAPHS.values())
VOCABULARIES = ("words", "characters", "columns")
OPTIONAL = ("bigrams", "subwords")  # where the model reads them

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
    """Everything that a model consists of.

    Args:
        featurizer: Turns strings into arrays.
        task: What the model predicts.
        network: The settings of the network.
        weights: Arrays by name.
        tokenizer: Cuts raw text into tokens.
        config: The resolved configuration as TOML, for people and for further training.
        card: The model card, in Markdown.
        record: Further facts for the manifest: versions, metrics, data digests, seed.
        files: The names of its files, where it was read.
        digest: The SHA-256 of all its files but the graphs, where it was read: an export does not
            change it.
        build: A user's function that replaces components of the network. It is not written; only
            its name is, as `build` in `network`.
    """

    featurizer: Featurizer
    task: Task
    network: Mapping[str, Any]
    weights: Mapping[str, NDArray[Any]]
    tokenizer: Tokenizer
    config: str = ""
    card: str = ""
    record: Mapping[str, Any] = field(default_factory=dict)
    files: tuple[str, ...] = ()
    digest: str = ""
    build: Callable[[Any], Any] | None = None


class StoredWeights(Mapping[str, NDArray[Any]]):
    """The arrays of a safetensors file, each read when it is needed.

    Args:
        path: The file.

    Raises:
        ModelFolderError: The file is damaged; or, when an array is read, it is not finite.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._file = safe_open(path, "np")
            self._names = tuple(self._file.keys())
        except (OSError, SafetensorError) as error:
            raise ModelFolderError(f"{path.parent}: not a whole model: {error}") from error

    def __getitem__(self, name: str) -> NDArray[Any]:
        if name not in self._names:
            raise KeyError(name)
        array = self._file.get_tensor(name)
        if not np.isfinite(array).all():
            raise ModelFolderError(
                f"{self._path.parent}: {WEIGHTS}: {name} holds numbers that are not finite."
            )
        return array

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def save_model(
    folder: Path, model: ModelFolder, add: Callable[[Path], None] = lambda _: None
) -> None:
    """Write a model folder; an old one is replaced in one step.

    Args:
        folder: The folder to write.
        model: The model.
        add: Called with the new folder when everything else is in it, to write further files.
    """

    def write(beside: Path) -> None:
        (beside / "vocabulary").mkdir()
        vocabularies = model.featurizer.vocabularies()
        for name, entries in vocabularies.items():
            write_json(beside / "vocabulary" / f"{name}.json", entries)
        if model.featurizer.vectors is not None:
            model.featurizer.vectors.save(beside / VECTORS)
        write_json(beside / "labels.json", model.task.to_dict())
        (beside / "tokenizer.json").write_text(model.tokenizer.to_json(), encoding="utf-8")
        (beside / "config.toml").write_text(model.config, encoding="utf-8")
        (beside / "README.md").write_text(model.card, encoding="utf-8")
        weights = {name: np.ascontiguousarray(array) for name, array in model.weights.items()}
        save_file(weights, beside / WEIGHTS)
        add(beside)

    manifest = {
        "format": FORMAT,
        "task": model.task.name,
        "features": model.featurizer.settings(),
        "network": dict(model.network),
        **model.record,
    }
    write_folder(folder, manifest, write)


def load_model(folder: Path, build: Callable[[Any], Any] | None = None) -> ModelFolder:
    """Read a model folder.

    Each array of its weights is read when it is needed.

    Args:
        folder: The folder.
        build: The function that replaced components of the network when it was trained, if any did.

    Raises:
        ConfigError: There is such a function, but the model was trained without any.
        ModelFolderError: Something is missing, changed, or of a newer format.
    """
    manifest = read_manifest(folder, FORMAT)
    if manifest.get("task") not in TASKS:
        raise ModelFolderError(
            f"{folder}: this version knows models of the tasks {', '.join(TASKS)}. "
            f"Got {manifest.get('task')!r}. Upgrade."
        )
    lacking = [name for name in FILES if name not in manifest["files"]]
    if lacking:
        raise ModelFolderError(f"{folder}: {', '.join(lacking)} must be there. Got no such file.")
    try:
        vocabularies = {
            name: read_json(folder / f"vocabulary/{name}.json")
            for name in (*VOCABULARIES, *OPTIONAL)
            if f"vocabulary/{name}.json" in manifest["files"]
        }
        vectors = VectorStore.open(folder / VECTORS) if VECTORS in manifest["files"] else None
        model = ModelFolder(
            featurizer=Featurizer.from_settings(manifest["features"], vocabularies, vectors),
            task=read_task(manifest["task"], read_json(folder / "labels.json")),
            network=manifest["network"],
            weights=StoredWeights(folder / WEIGHTS),
            tokenizer=Tokenizer.from_json((folder / "tokenizer.json").read_text(encoding="utf-8")),
            config=(folder / "config.toml").read_text(encoding="utf-8"),
            card=(folder / "README.md").read_text(encoding="utf-8"),
            record={name: value for name, value in manifest.items() if name not in OWN_KEYS},
            files=tuple(manifest["files"]),
            digest=_digest(manifest["files"]),
            build=build,
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelFolderError(f"{folder}: not a whole model: {error!r}.") from error
    except DataError as error:
        raise ModelFolderError(f"{folder}: not a whole model: {error}") from error
    if build is not None and "build" not in model.network:
        raise ConfigError(f"build: must be left out, as it was when {folder} was trained. Got one.")
    return model


def _digest(files: Mapping[str, str]) -> str:
    """Compute one digest of files from the digest of each."""
    lines = (f"{name} {files[name]}\n" for name in sorted(files) if name not in GRAPH_FILES)
    return sha256(line.encode() for line in lines)
