"""A model as files: arrays, JSON and text, with a digest of each; knows nothing of networks."""

import json
import tomllib
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from ner.choices import Precision
from ner.data.lines import listed, replace_surrogates, short
from ner.data.tokenizer import Tokenizer
from ner.display import markdown
from ner.errors import ConfigError, DataError, ModelFolderError, suggestion
from ner.features.document_evidence import DocumentNetwork, read_network, save_network
from ner.features.featurizer import Featurizer
from ner.features.int8_rows import SCALES, from_int8, split_weights
from ner.features.vectors import VectorStore
from ner.files import (
    MANIFEST,
    is_file_name,
    read_json,
    read_manifest,
    read_text,
    sha256,
    write_folder,
    write_json,
    write_text,
)
from ner.installed import model_folder, new_folder
from ner.manifest import CONFIG, FORMAT, FULL_FORMAT, MODEL, check_manifest, check_vocabularies
from ner.schema import SchemaError
from ner.tasks import Task, read_task

WEIGHTS = "model.safetensors"
VECTORS = "vocabulary/vectors.safetensors"
# What corrects scores by evidence from the document, where the model has learned that.
DOCUMENTS = "documents.safetensors"

# What ONNX Runtime reads, where an export wrote it: vectors of words, and the rest by precision.
WORDS_GRAPH, MODEL_GRAPH, INT8_GRAPH = "words.onnx", "model.onnx", "model.int8.onnx"
GRAPHS: dict[Precision, str] = {"fp32": MODEL_GRAPH, "int8": INT8_GRAPH}
TRANSFORMER_GRAPHS: dict[Precision, str] = {
    "fp32": "transformer.onnx",
    "int8": "transformer.int8.onnx",
}
GRAPH_FILES = (WORDS_GRAPH, *GRAPHS.values(), *TRANSFORMER_GRAPHS.values())
# The licence of the model, where it has one of its own.
LICENCE = "LICENSE.md"
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

KNOWN_FILES = (
    *FILES,
    *GRAPH_FILES,
    VECTORS,
    DOCUMENTS,
    LICENCE,
    *(f"vocabulary/{name}.json" for name in OPTIONAL),
)

# Characters of another library's message that are shown.
LONGEST_REASON = 300

# Keys of the manifest that have a meaning here; the others are the record.
OWN_KEYS = ("format", "task", "features", "network", "files", "compact")


@dataclass(frozen=True, eq=False)
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
        compact: Whether its large arrays are stored in eight bits, see `ner.exporting.compact`.
        documents: Corrects scores by evidence from the document; None if it has not learned that.
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
    compact: bool = False
    documents: DocumentNetwork | None = None

    @property
    def is_rounded(self) -> bool:
        """Whether some of its arrays are stored in eight bits."""
        store = self.featurizer.vectors
        return self.compact or (store is not None and store.is_compact)


class StoredWeights(Mapping[str, NDArray[Any]]):
    """The arrays of a safetensors file, each read when it is needed.

    Arrays in eight bits, whose scales are beside them, become float32.

    Args:
        path: The file.

    Raises:
        ModelFolderError: The file is damaged; or, when an array is read, it is none of numbers, or
            a number is not finite.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._file = safe_open(path, "np")
            stored = frozenset(self._file.keys())
            self._scaled = frozenset(name for name in stored if name + SCALES in stored)
            self._names = tuple(sorted(stored - {name + SCALES for name in self._scaled}))
        except (OSError, SafetensorError) as error:
            raise _not_whole(path.parent, error) from error

    def __getitem__(self, name: str) -> NDArray[Any]:
        if name not in self._names:
            raise KeyError(name)
        array = self.as_stored(name)
        if name in self._scaled:
            scales = self.as_stored(name + SCALES)
            if (array.dtype, array.shape[:1]) != (np.int8, scales.shape) or array.ndim != 2:
                raise ModelFolderError(
                    f"{self._path.parent}: {WEIGHTS}: {name} must be rows of int8, each with a "
                    f"scale. Got {array.dtype} of the shape {array.shape}."
                )
            array = from_int8(array, scales)
        return array

    def as_stored(self, name: str) -> NDArray[Any]:
        """Return an array as it is in the file, in eight bits or their scales too."""
        try:
            array = self._file.get_tensor(name)
        except (SafetensorError, TypeError, ValueError, AttributeError) as error:
            # numpy lacks some of the types that the format knows
            raise _not_whole(self._path.parent, error) from error
        _check_finite(name, array, str(self._path.parent))
        return array

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def _check_finite(name: str, array: NDArray[Any], where: str) -> None:
    if not np.isfinite(array).all():
        raise ModelFolderError(f"{where}: {WEIGHTS}: {name} holds numbers that are not finite.")


def _not_whole(folder: Path, error: Exception) -> ModelFolderError:
    """Return the error for a file that cannot be read, with what another library says of it."""
    said = " ".join(str(error).split()) or type(error).__name__
    return ModelFolderError(f"{folder}: not a whole model: {said[:LONGEST_REASON].rstrip('.')}.")


def save_model(
    folder: Path, model: ModelFolder, add: Callable[[Path], None] = lambda _: None
) -> None:
    """Write a model folder; an old one is replaced in one step.

    Args:
        folder: The folder to write.
        model: The model.
        add: Called with the new folder when everything else is in it, to write further files.

    Raises:
        ModelFolderError: A weight is not finite.
        SchemaError: The record of the model has an unknown fact.
    """
    stored = split_weights(model.weights) if model.compact else model.weights
    weights = {name: np.ascontiguousarray(array) for name, array in stored.items()}
    for name, array in weights.items():
        _check_finite(name, array, str(folder))

    def write(beside: Path) -> None:
        (beside / "vocabulary").mkdir()
        vocabularies = model.featurizer.vocabularies()
        for name, entries in vocabularies.items():
            write_json(beside / "vocabulary" / f"{name}.json", entries)
        if model.featurizer.vectors is not None:
            model.featurizer.vectors.save(beside / VECTORS)
        write_text(beside / "tokenizer.json", model.tokenizer.to_json())
        _write_labels(beside, model)
        save_file(weights, beside / WEIGHTS)
        save_network(model.documents, beside / DOCUMENTS)
        add(beside)

    write_folder(folder, _manifest(model), write)


def _write_labels(folder: Path, model: ModelFolder) -> None:
    """Write the files that name the labels of a model."""
    write_json(folder / "labels.json", model.task.to_dict())
    write_text(folder / "config.toml", model.config)
    write_text(folder / "README.md", replace_surrogates(model.card))


def _manifest(model: ModelFolder) -> dict[str, Any]:
    """Return the manifest without the digests of files.

    Raises:
        SchemaError: It holds what `load_model` would refuse.
    """
    content = {
        "format": FORMAT if model.is_rounded else FULL_FORMAT,
        **({"compact": True} if model.compact else {}),
        "task": model.task.name,
        "features": model.featurizer.settings(),
        "network": dict(model.network),
        **model.record,
    }
    MODEL.check(json.loads(json.dumps({**content, "files": {}})), f"{MANIFEST}: ")
    return content


def load_model(path: str | Path, build: Callable[[Any], Any] | None = None) -> ModelFolder:
    """Read a model folder.

    Each array of its weights is read when it is needed.

    Args:
        path: The folder, or the name of an installed model or of one on the hub.
        build: The function that replaced components of the network when it was trained, if any did.

    Raises:
        ConfigError: There is such a function, but the model was trained without any.
        ModelFolderError: Something is missing, changed, or of a newer format.
    """
    folder = model_folder(path)
    manifest = read_manifest(folder, FORMAT)
    try:
        check_manifest(manifest, f"{MANIFEST}: ")
    except SchemaError as error:
        raise ModelFolderError(f"{folder}: {error}") from None
    unknown = [name for name in manifest["files"] if name not in KNOWN_FILES]
    if unknown:
        raise ModelFolderError(f"{folder}: {short(unknown[0])}: unknown file. Upgrade.")
    lacking = [name for name in FILES if name not in manifest["files"]]
    if lacking:
        raise ModelFolderError(f"{folder}: {', '.join(lacking)} must be there. Got no such file.")
    try:
        vocabularies = {
            name: read_json(folder / f"vocabulary/{name}.json")
            for name in (*VOCABULARIES, *OPTIONAL)
            if f"vocabulary/{name}.json" in manifest["files"]
        }
        check_vocabularies(vocabularies)
        vectors = VectorStore.open(folder / VECTORS) if VECTORS in manifest["files"] else None
        task = read_task(manifest["task"], read_json(folder / "labels.json"))
        model = ModelFolder(
            featurizer=Featurizer.from_settings(manifest["features"], vocabularies, vectors),
            task=task,
            network=manifest["network"],
            weights=StoredWeights(folder / WEIGHTS),
            tokenizer=Tokenizer.from_json(read_text(folder / "tokenizer.json")),
            config=_read_config(folder / "config.toml"),
            card=read_text(folder / "README.md"),
            record={name: value for name, value in manifest.items() if name not in OWN_KEYS},
            files=tuple(manifest["files"]),
            digest=digest_of_files(manifest["files"]),
            build=build,
            compact=manifest.get("compact") is True,
            documents=read_network(folder / DOCUMENTS, task.outputs)
            if DOCUMENTS in manifest["files"]
            else None,
        )
    except SchemaError as error:
        raise ModelFolderError(f"{folder}: {error}") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, DataError) as error:
        raise _not_whole(folder, error) from error
    if build is not None and "build" not in model.network:
        raise ConfigError(f"build: must be left out, as it was when {folder} was trained. Got one.")
    return model


def _read_config(path: Path) -> str:
    """Read a configuration, which people and `rename` use.

    Raises:
        ValueError: It is no TOML, or holds what is no setting (SchemaError).
    """
    content = read_text(path)
    try:
        CONFIG.check(tomllib.loads(content), f"{path.name}: ")
    except RecursionError:
        raise ValueError(f"{path.name} must not be nested so deeply") from None
    return content


def digest_of_files(files: Mapping[str, str]) -> str:
    """Compute one digest of files from the digest of each."""
    lines = (f"{name} {files[name]}\n" for name in sorted(files) if name not in GRAPH_FILES)
    return sha256(line.encode() for line in lines)


def rename(path: str | Path, names: Mapping[str, str], out: str | Path) -> None:
    """Write a copy of a model whose labels have other names.

    All answers stay the same, but for the names: weights, vectors and the graphs for ONNX Runtime
    are copied byte for byte.

    Args:
        path: The model folder, or the name of an installed model or of one on the hub, which stays
            as it is.
        names: New names of labels by their old ones. Two labels may exchange their names.
        out: A new or empty folder for the copy.

    Raises:
        ConfigError: The model has no such label, two labels would get one name, a name cannot be
            that of a label, or `out` holds something.
        ModelFolderError: The model cannot be read.
    """
    folder, target = model_folder(path), new_folder(out)
    model = load_model(folder)
    check_names(names, model.task)
    copy_with_labels(folder, _renamed(model, names), target)


def copy_with_labels(folder: Path, model: ModelFolder, target: Path) -> None:
    """Copy a model folder, but for the files that name labels: these are written anew.

    Args:
        folder: The folder from which the model was read.
        model: The same model with other labels, settings or card.
        target: The copy.
    """

    def write(beside: Path) -> None:
        _copy_files(folder, model.files, beside)
        _write_labels(beside, model)
        save_network(model.documents, beside / DOCUMENTS)

    write_folder(target, _manifest(model), write)


def copy_model(folder: Path, target: Path) -> None:
    """Copy the files of a model, and nothing else that lies beside them.

    Args:
        folder: The model folder.
        target: The copy. A folder that is there is replaced in one step; it may be the same one.

    Raises:
        ModelFolderError: A file is missing, or was changed.
    """
    manifest = read_manifest(folder, FORMAT)
    names = manifest.pop("files")
    write_folder(target, manifest, lambda beside: _copy_files(folder, names, beside))


def pack_model(folder: Path) -> dict[str, bytes]:
    """Return the content of each file of a model by its name.

    Raises:
        ModelFolderError: A file is missing, or was changed.
    """
    names = (MANIFEST, *read_manifest(folder, FORMAT)["files"])
    return {name: (folder / name).read_bytes() for name in names}


def unpack_model(content: Any, target: Path) -> None:
    """Write the files that `pack_model` returned, and check them.

    Args:
        content: What may be such files, from a place that need not be trusted.
        target: A new folder.

    Raises:
        ModelFolderError: The files are not those of a model.
    """
    if type(content) is not dict or not all(
        is_file_name(name) and isinstance(part, bytes) for name, part in content.items()
    ):
        raise ModelFolderError(f"{target}: must be files of a model by name. Got something else.")
    for name, part in content.items():
        path = target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(part)
    read_manifest(target, FORMAT)


def _copy_files(folder: Path, names: Iterable[str], target: Path) -> None:
    import shutil  # where models are copied: they load without it

    for name in names:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(folder / name, target / name)


def check_names(names: Mapping[str, str], task: Task) -> None:
    """Refuse new names of labels that cannot be given.

    Raises:
        ConfigError: As for `rename`.
    """
    if not names:
        raise ConfigError("names: must rename at least one label. Got none.")
    for old, new in names.items():
        if old not in task.labels:
            raise ConfigError(
                f"{old}: must be a label of the model. Its labels are {listed(task.labels, 20)}."
                f"{suggestion(old, task.labels)}"
            )
        if not new.strip() or (task.is_per_token and new.split() != [new]):
            raise ConfigError(f"{old}: its new name must be a word without blanks. Got {new!r}.")
    for new, count in Counter(names.get(label, label) for label in task.labels).items():
        if count > 1:
            merged = [label for label in task.labels if names.get(label, label) == new]
            raise ConfigError(
                f"{new}: must be the name of one label. Got {' and '.join(merged)}, each of which "
                "has weights of its own. To merge labels, rename them in the training data, and "
                "train again."
            )


def label_lines(labels: Collection[str], renamed: Mapping[str, str]) -> str:
    """Return the lines of a model card that name its labels.

    Args:
        labels: The labels.
        renamed: Names that labels have got since training, by those that they had.
    """
    lines = f"- Labels: {', '.join(map(markdown, labels))}"
    if renamed:
        pairs = ", ".join(f"{markdown(o)} is now {markdown(n)}" for o, n in renamed.items())
        lines += f"\n- Renamed after training: {pairs}. The results below have the old names."
    return lines


def _renamed(model: ModelFolder, names: Mapping[str, str]) -> ModelFolder:
    task = model.task.renamed(names)
    before: Mapping[str, str] = model.record.get("renamed", {})
    since = {old: names.get(new, new) for old, new in before.items()}
    since |= {old: new for old, new in names.items() if old not in before.values()}
    since = {old: new for old, new in since.items() if old != new}
    head = model.network.get("head", {})
    weights = {names.get(label, label): w for label, w in head.get("weights", {}).items()}
    return replace(
        model,
        task=task,
        network={**model.network, "head": {**head, "weights": weights}},
        config="".join(_rename_weights(line, names) for line in model.config.splitlines(True)),
        card=model.card.replace(
            label_lines(model.task.labels, before), label_lines(task.labels, since), 1
        ),
        record={**model.record, "renamed": since},
    )


def _rename_weights(line: str, names: Mapping[str, str]) -> str:
    """Rename labels in a line of a configuration, if it is the one setting that names them."""
    if not line.startswith("weights = {"):
        return line
    try:
        weights = tomllib.loads(line)["weights"]
    except tomllib.TOMLDecodeError:  # a line of a longer text
        return line
    pairs = (
        f"{json.dumps(names.get(label, label), ensure_ascii=False)} = {weight}"
        for label, weight in weights.items()
    )
    return f"weights = {{{', '.join(pairs)}}}\n"
