"""Results of trainings in a folder, so that what is finished is not trained again."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from ner.config.loading import Config
from ner.data.formats.read import file_digest
from ner.data.sentence import Sentence
from ner.files import making, read_json, remove, sha256, write_json
from ner.locks import locked
from ner.training.launch import refuse_several
from ner.training.run_folder import CONFIG, LOCK

# Settings that change no result: what they name has a digest in the key, or only speed depends on
# them.
OUTSIDE = {
    "data": ("train", "dev", "test", "storage"),
    "vectors": ("path",),
    "training": ("weights", "device", "threads", "checkpoint_minutes", "export"),
}


class KeptResults:
    """A folder with a file for each training that is finished, named by a digest of its key.

    While a training runs, its run folder is beside these files. One that was interrupted goes on
    from its last checkpoint; when it is finished, only its result stays.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    @contextmanager
    def open(cls, folder: Path) -> Iterator[Self]:
        """Make or find the folder, which no other process uses until the block ends.

        Raises:
            InUseError: Another process uses the folder.
            ConfigError: Several processes train together.
        """
        refuse_several("several trainings")
        with making(folder), locked(folder / LOCK, folder):
            yield cls(folder)

    def get(self, key: Mapping[str, Any], train: Callable[[Path, bool], Any]) -> Any:
        """Return the result of a training; train only if there is none yet.

        Args:
            key: Everything that decides the result, as JSON can hold it; see `training_key`.
            train: Gets a run folder, and whether a run in it is to be resumed; returns the result,
                as JSON can hold it.
        """
        digest = sha256([json.dumps(key, sort_keys=True).encode("ascii")])[:16]
        path, run = self.folder / f"{digest}.json", self.folder / digest
        if not path.is_file():
            is_begun = (run / CONFIG).is_file()
            if not is_begun:
                remove(run)
            result = train(run, is_begun)
            write_json(path, {"key": key, "result": result})
        remove(run)
        return read_json(path)["result"]


def training_key(
    config: Config,
    train: Sequence[Sentence],
    dev: Sequence[Sentence],
    weights: Sequence[float] | None,
) -> dict[str, Any]:
    """Name everything that decides the result of a training.

    Args:
        config: All settings.
        train: The training sentences.
        dev: The development sentences.
        weights: The weight of each training sentence.
    """
    settings = config.model_dump(mode="json")
    for section, names in OUTSIDE.items():
        for name in names:
            del settings[section][name]
    vectors = config.vectors.path
    return {
        "settings": settings,
        "train": file_digest(train),
        "dev": file_digest(dev),
        "vectors": file_digest(vectors) if vectors else None,
        "weights": None if weights is None else sha256([json.dumps(weights).encode("ascii")]),
    }
