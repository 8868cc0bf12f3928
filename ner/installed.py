"""The folder of a model: of one that is installed with the package, by its name, or of another."""

from pathlib import Path
from typing import Any, NamedTuple

from ner.download import fetch_model, is_hub_name
from ner.errors import ConfigError, ModelFolderError, suggestion
from ner.files import MANIFEST, folder_size, read_json

FOLDER = Path(__file__).parent / "models"

# The model of `ner tag` and of the examples.
DEFAULT = "en"


class InstalledModel(NamedTuple):
    """An installed model.

    Args:
        name: Its name, which `ner.load` takes.
        folder: Where it is.
        task: What it predicts.
        labels: Its labels.
        size: The bytes of all its files.
        licence: Its licence.
    """

    name: str
    folder: Path
    task: str
    labels: tuple[str, ...]
    size: int
    licence: str

    def to_dict(self) -> dict[str, Any]:
        """Return all facts, as JSON can hold them."""
        return {**self._asdict(), "folder": str(self.folder), "labels": list(self.labels)}


def installed_names() -> list[str]:
    """List the names of installed models."""
    return sorted(path.parent.name for path in FOLDER.glob(f"*/{MANIFEST}"))


def installed_models() -> list[InstalledModel]:
    """List the installed models."""
    return [_describe(FOLDER / name) for name in installed_names()]


def model_folder(path: str | Path) -> Path:
    """Return the folder of a model, which is downloaded if it is on the hub.

    Args:
        path: The name of an installed model, its name on the hub, or the path of a folder. A folder
            that has the name of an installed model is meant by a path such as `./en`.

    Raises:
        ModelFolderError: It is a single word, but neither an installed model nor the name of
            anything else; or `fetch_model` raises it.
    """
    if is_hub_name(path):
        return fetch_model(str(path))
    folder = Path(path)
    names = installed_names()
    # A path such as ./en is no name, though it is equal to one as a `Path`.
    if str(path) in names:
        return FOLDER / str(path)
    old = folder.with_name(f".{folder.name}.old")  # what is left of a folder, see `read_manifest`
    if folder.name == str(path) and not folder.exists() and not old.exists():
        raise ModelFolderError(
            f"{path}: no such folder, and no installed model. Installed: "
            f"{', '.join(names) or 'none'}.{suggestion(str(path), names)}"
        )
    return folder


def refuse_shared(path: str | Path) -> None:
    """Refuse to replace a model that is not in a folder of its own.

    Raises:
        ConfigError: The model is installed with the package, or is on the hub.
    """
    if is_hub_name(path) or str(path) in installed_names():
        kind = "on the hub" if is_hub_name(path) else "installed"
        raise ConfigError(
            f"{path}: must be a folder to be replaced. Got a model that is {kind}. Name another "
            "folder for the new one: --out FOLDER."
        )


def _describe(folder: Path) -> InstalledModel:
    manifest, labels = read_json(folder / MANIFEST), read_json(folder / "labels.json")
    tags = labels.get("labels") or [tag[2:] for tag in labels["tags"] if tag != "O"]
    return InstalledModel(
        name=folder.name,
        folder=folder,
        task=manifest["task"],
        labels=tuple(dict.fromkeys(tags)),
        size=folder_size(folder),
        licence=manifest.get("licence", ""),
    )


def new_folder(path: str | Path) -> Path:
    """Return the folder of a copy of a model, which holds nothing yet.

    Raises:
        ConfigError: It holds something, or is a file.
    """
    folder = Path(path)
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise ConfigError(f"{folder}: must be a new or empty folder. Got one that holds something.")
    return folder
