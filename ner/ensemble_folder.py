"""An ensemble as files: whole model folders inside of one folder, with the labels that they share.

Its manifest has the digest of every file of every member, and says in a line what each member is.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

from ner.data.lines import listed, short
from ner.data.tokenizer import Tokenizer
from ner.errors import ConfigError, DataError, ModelFolderError
from ner.features.featurizer import Featurizer
from ner.files import (
    MANIFEST,
    folder_size,
    is_file_name,
    read_json,
    read_manifest,
    read_text,
    write_folder,
    write_json,
    write_text,
)
from ner.installed import model_folder, new_folder
from ner.manifest import ENSEMBLE, FORMAT, FULL_FORMAT
from ner.model_folder import (
    KNOWN_FILES,
    LICENCE,
    ModelFolder,
    copy_with_labels,
    digest_of_files,
    load_model,
)
from ner.schema import SchemaError
from ner.tasks import SpanTask, TokenTask, read_task

MEMBERS = "members"
FILES = ("README.md", "labels.json", "tokenizer.json")
MEMBER_FILE = re.compile(rf"{MEMBERS}/([1-9][0-9]*)/(.+)")

# Members of an ensemble at least.
FEWEST = 2

# Keys of the manifest that have a meaning here; the others are the record.
OWN_KEYS = ("format", "task", "files")

CARD = """# Ensemble of {count} models

- Labels: {labels}

```python
import ner

model = ner.load("path/to/this/folder")
```

It tags by the mean of the scores of its members, each divided by the member's temperature. The
members are whole models in `members/`; `manifest.json` says what each is.
"""


@dataclass(frozen=True, eq=False)
class EnsembleFolder:
    """Everything that an ensemble consists of.

    Args:
        task: What it predicts; its temperature is that of the averaged scores.
        members: The models.
        tokenizer: Cuts raw text into tokens, as that of each member does.
        card: The model card, in Markdown.
        record: Facts for the manifest: under `members` what each member is, and those that all
            share; the data are those of the first member.
        files: The names of its files.
        digest: The SHA-256 of all its files, see `ModelFolder.digest`.
    """

    task: SpanTask | TokenTask
    members: tuple[ModelFolder, ...]
    tokenizer: Tokenizer
    card: str = ""
    record: Mapping[str, Any] = field(default_factory=dict)
    files: tuple[str, ...] = ()
    digest: str = ""
    documents: None = None

    @property
    def featurizer(self) -> Featurizer:
        """That of the first member; each member reads the same columns."""
        return self.members[0].featurizer


def ensemble(models: Sequence[str | Path], out: str | Path) -> None:
    """Write an ensemble: one model folder that tags by what its members think together.

    The probability of a tagging under the ensemble is the geometric mean of its probabilities under
    the members, divided by the sum of these means over all taggings (a logarithmic opinion pool).
    A mean of the scores of members, each divided by the temperature of its member, is just that: a
    chain like that of a single model. So best paths, probabilities, n-best lists, constraints and
    document evidence are exact for it. Of all distributions, it is nearest to the members, by the
    mean of KL(ensemble || member).

    Args:
        models: At least two model folders, or other names of models, which stay as they are.
        out: A new or empty folder.

    Raises:
        ConfigError: There are fewer than two models, or they do not go together; or `out` holds
            something.
        ModelFolderError: A model cannot be read.

    Source: Smith, Cohn and Osborne, "Logarithmic Opinion Pools for Conditional Random Fields", ACL
    2005, section 3, with equal weights.
    """
    target = new_folder(out)
    if len(models) < 2:
        raise ConfigError(f"models: must be at least two. Got {len(models)}.")
    folders = [model_folder(each) for each in models]
    members = [load_model(folder) for folder in folders]
    seen: dict[str, str | Path] = {}
    for name, member in zip(models, members, strict=True):
        check_fits(members[0], member, str(models[0]), str(name))
        if member.digest in seen:
            raise ConfigError(f"{name}: must be another model than {seen[member.digest]}.")
        seen[member.digest] = name
    first = members[0]
    task = replace(cast("SpanTask | TokenTask", first.task), temperature=1.0)
    labels = listed(task.labels, 20)
    kept = {key: first.record[key] for key in ("data", "tokenizer") if key in first.record}
    facts = {
        str(k): _facts(folder, member)
        for k, (folder, member) in enumerate(zip(folders, members, strict=True), 1)
    }

    def write(beside: Path) -> None:
        for k, folder in zip(facts, folders, strict=True):
            names = read_manifest(folder, FORMAT)["files"]
            _copy((MANIFEST, *names), folder, beside / MEMBERS / k)
        write_text(beside / "tokenizer.json", first.tokenizer.to_json())
        write_json(beside / "labels.json", task.to_dict())
        card = CARD.format(count=len(members), labels=labels)
        write_text(beside / "README.md", card)

    write_folder(target, _manifest(task, {"members": facts, **kept}), write)


def _facts(folder: Path, member: ModelFolder) -> dict[str, Any]:
    """Return what the manifest says of a member."""
    metrics = member.record.get("metrics", {})
    facts = {
        "digest": member.digest,
        "bytes": folder_size(folder),
        "weights": sum(array.size for array in member.weights.values()),
    }
    facts |= {"metrics": metrics} if metrics else {}
    return facts | ({"seed": member.record["seed"]} if "seed" in member.record else {})


def check_fits(first: ModelFolder, other: ModelFolder, first_name: str, name: str) -> None:
    """Refuse two models that cannot be members of one ensemble.

    Raises:
        ConfigError: They predict, cut or read something else; the message says what.
    """
    for each, where in ((first, first_name), (other, name)):
        if not each.task.is_per_token:
            raise ConfigError(f"{where}: must be a tagger. Got one that {each.task.does}.")
    if first.task.does != other.task.does:
        raise ConfigError(
            f"{name}: must do what {first_name} does, which {first.task.does}. "
            f"Got a model that {other.task.does}."
        )
    if set(first.task.labels) != set(other.task.labels):
        lacks = sorted(set(first.task.labels) - set(other.task.labels))
        more = sorted(set(other.task.labels) - set(first.task.labels))
        said = [f"lacks {listed(lacks)}"] * bool(lacks) + [f"also has {listed(more)}"] * bool(more)
        raise ConfigError(
            f"{name}: must have the labels of {first_name}. Got one that {' and '.join(said)}."
        )
    pairs: dict[str, tuple[Any, Any]] = {
        "predict the column": (first.task.column, other.task.column),
        "have the tag scheme": (
            first.task.head_options["scheme"],
            other.task.head_options["scheme"],
        ),
        "cut texts by the rules": (first.tokenizer.rules, other.tokenizer.rules),
        "read the columns": (
            " ".join(first.featurizer.columns),
            " ".join(other.featurizer.columns),
        ),
    }
    for what, (own, found) in pairs.items():
        if own != found:
            raise ConfigError(
                f"{name}: must {what} {own or 'none'}, as {first_name} does. Got {found or 'none'}."
            )
    if set(first.task.outputs) != set(other.task.outputs):
        raise ConfigError(f"{name}: must have the tags of {first_name}. Got others.")


def _copy(names: Sequence[str], folder: Path, target: Path) -> None:
    import shutil  # where models are copied: they load without it

    for name in names:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(folder / name, target / name)


def _manifest(task: SpanTask | TokenTask, record: Mapping[str, Any]) -> dict[str, Any]:
    content = {"format": FULL_FORMAT, "task": task.name, **record}
    ENSEMBLE.check({**content, "files": {}}, f"{MANIFEST}: ")
    return content


def load_folder(
    path: str | Path, build: Callable[[Any], Any] | None = None
) -> ModelFolder | EnsembleFolder:
    """Read the folder of a model or of an ensemble.

    Args:
        path: As for `load_model`.
        build: As for `load_model`.

    Raises:
        ConfigError: As for `load_model`.
        ModelFolderError: As for `load_model`; or the members of an ensemble do not go together.
    """
    folder = model_folder(path)
    return _load_ensemble(folder, build) if _is_ensemble(folder) else load_model(folder, build)


def networks_of(model: ModelFolder | EnsembleFolder) -> tuple[ModelFolder, ...]:
    """Return the members of an ensemble, or the one model itself."""
    return model.members if isinstance(model, EnsembleFolder) else (model,)


def member_folders(folder: Path, model: EnsembleFolder) -> list[Path]:
    """Return the folder of each member of the ensemble in a folder."""
    return [folder / MEMBERS / str(k) for k in range(1, len(model.members) + 1)]


def copy_folder(folder: Path, model: ModelFolder | EnsembleFolder, target: Path) -> None:
    """Copy a folder, but for the files that name labels: these are written anew.

    Args:
        folder: The folder from which the model was read.
        model: The same model or ensemble with another temperature, record or card.
        target: The copy.
    """
    if isinstance(model, ModelFolder):
        copy_with_labels(folder, model, target)
        return

    def write(beside: Path) -> None:
        _copy(model.files, folder, beside)
        write_json(beside / "labels.json", model.task.to_dict())
        write_text(beside / "README.md", model.card)

    write_folder(target, _manifest(model.task, model.record), write)


def _is_ensemble(folder: Path) -> bool:
    try:
        return "members" in read_json(folder / MANIFEST)
    except (OSError, ValueError, TypeError):  # `load_model` says what is wrong with it
        return False


def _load_ensemble(folder: Path, build: Callable[[Any], Any] | None) -> EnsembleFolder:
    manifest = read_manifest(folder, FORMAT)
    try:
        ENSEMBLE.check(manifest, f"{MANIFEST}: ")
        names = [str(k) for k in range(1, len(manifest["members"]) + 1)]
        _check_files(manifest, names)
        members = tuple(load_model(folder / MEMBERS / name, build) for name in names)
        task = read_task(manifest["task"], read_json(folder / "labels.json"))
        tokenizer = Tokenizer.from_json(read_text(folder / "tokenizer.json"))
    except SchemaError as error:
        raise ModelFolderError(f"{folder}: {error}") from None
    except (OSError, ValueError, DataError) as error:
        raise ModelFolderError(f"{folder}: not a whole ensemble: {short(error)}.") from error
    common = replace(members[0], task=task, tokenizer=tokenizer)
    for name, member in zip(names, members, strict=True):
        try:
            check_fits(common, member, str(folder), f"{folder / MEMBERS / name}")
        except ConfigError as error:
            raise ModelFolderError(str(error)) from None
    return EnsembleFolder(
        task=cast("SpanTask | TokenTask", task),
        members=members,
        tokenizer=tokenizer,
        card=read_text(folder / "README.md"),
        record={key: value for key, value in manifest.items() if key not in OWN_KEYS},
        files=tuple(manifest["files"]),
        digest=digest_of_files(manifest["files"]),
    )


def _check_files(manifest: Mapping[str, Any], members: Sequence[str]) -> None:
    """Refuse files that an ensemble does not have, and one without those that it has.

    Raises:
        SchemaError: There are such files, or members are not numbered from 1 on.
    """
    if sorted(manifest["members"]) != sorted(members):
        raise SchemaError(
            f"{MANIFEST}: members must be numbered from 1 on. "
            f"Got {listed(sorted(manifest['members']))}."
        )
    known = (*KNOWN_FILES, MANIFEST)
    for name in manifest["files"]:
        found = MEMBER_FILE.fullmatch(name)
        is_known = found is not None and found[1] in members and found[2] in known
        if not (is_known or name in (*FILES, LICENCE)) or not is_file_name(name):
            raise SchemaError(f"{short(name)}: unknown file. Upgrade.")
    needed = (*FILES, *(f"{MEMBERS}/{k}/{MANIFEST}" for k in members))
    lacking = [name for name in needed if name not in manifest["files"]]
    if lacking:
        raise SchemaError(f"{', '.join(lacking)} must be there. Got no such file.")
