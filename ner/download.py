"""Models that are downloaded from the Hugging Face hub: `hf://org/name`, or with `@revision`.

Only files that the manifest of a model names are downloaded, and loading checks the digest of each.
`HF_TOKEN`, `HF_ENDPOINT`, `HF_HOME` and `HF_HUB_OFFLINE` mean what they mean to `huggingface_hub`.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ner.errors import ConfigError, ModelFolderError, reason
from ner.extras import require
from ner.files import MANIFEST, is_file_name, read_json

PREFIX = "hf://"

# Source: the names that the hub accepts, as `huggingface_hub.utils.validate_repo_id` checks them
REPOSITORY = re.compile(r"\w[\w.-]*/\w[\w.-]*", re.ASCII)
NAME = re.compile(rf"{PREFIX}({REPOSITORY.pattern})(?:@([^@\s]+))?", re.ASCII)

LIBRARY = "lattice-ner"


def is_hub_name(path: str | Path) -> bool:
    """Whether a model is named by its place on the hub."""
    return str(path).startswith(PREFIX)


def fetch_model(name: str) -> Path:
    """Return the folder of a model of the hub, which is downloaded unless the cache has it.

    Args:
        name: Such as `hf://org/name@revision`. The revision is a branch, a tag or a commit.

    Raises:
        ConfigError: It is no such name.
        ModelFolderError: The hub has no such model, or cannot be reached; or `HF_HUB_OFFLINE` is
            set, and the cache does not have it.
        MissingExtraError: `huggingface_hub` is not installed.
    """
    match = NAME.fullmatch(name)
    if match is None:
        raise ConfigError(
            f"{name}: must be {PREFIX}ORGANIZATION/NAME or {PREFIX}ORGANIZATION/NAME@REVISION."
        )
    repository, revision = match.groups()
    hub = hub_library()
    with one_line_errors(name):
        manifest = Path(hub.hf_hub_download(repository, MANIFEST, revision=revision))
        # Files of one commit, which is the name of the folder, belong together.
        folder = manifest.parent
        for file in _file_names(manifest, name):
            hub.hf_hub_download(repository, file, revision=folder.name)
    return folder


def _file_names(manifest: Path, name: str) -> list[str]:
    """Return the names of the files of a model.

    Raises:
        ModelFolderError: The manifest is none.
    """
    try:
        names = list(read_json(manifest)["files"])
    except (OSError, ValueError, KeyError, TypeError):
        raise ModelFolderError(f"{name}: {MANIFEST} is damaged.") from None
    if not all(map(is_file_name, names)):
        raise ModelFolderError(f"{name}: {MANIFEST} is damaged.")
    return names


def hub_library() -> Any:
    """Return the library of the hub."""
    # An error is told in one line; the attempts before it are not.
    os.environ.setdefault("HF_HUB_VERBOSITY", "error")
    return require("huggingface_hub", "A model of the hub", extra="hub")


@contextmanager
def one_line_errors(name: str) -> Iterator[None]:
    """Turn errors of the hub into one line each.

    Raises:
        ModelFolderError: Something went wrong.
    """
    errors: Any = require("huggingface_hub.errors", "A model of the hub", extra="hub")
    offline: Any = require("huggingface_hub.constants", "A model of the hub", extra="hub")
    try:
        yield
    except errors.GatedRepoError:
        problem = "the hub asks you to accept the conditions of this model first. Got no access."
    except errors.RepositoryNotFoundError:
        problem = "the hub has no such model, or it is private. Set HF_TOKEN if it is yours."
    except errors.RevisionNotFoundError:
        problem = "the model has no such revision."
    except errors.LocalEntryNotFoundError:
        problem = (
            "not in the cache, and HF_HUB_OFFLINE forbids a download."
            if offline.HF_HUB_OFFLINE
            else "not in the cache, and the hub cannot be reached."
        )
    except errors.OfflineModeIsEnabled:
        problem = "must be reached on the hub, but HF_HUB_OFFLINE forbids it."
    except errors.EntryNotFoundError:
        problem = f"must be a model of {LIBRARY}. Got a repository that lacks one of its files."
    except errors.LocalTokenNotFoundError:
        problem = "the hub needs to know who you are. Set HF_TOKEN."
    except (errors.HfHubHTTPError, errors.HFValidationError, ConnectionError) as error:
        problem = f"the hub refuses. {reason(error)}."
    else:
        return
    raise ModelFolderError(f"{name}: {problem}")
