"""The models that training leaves behind: one in the folder of a run, several for several seeds."""

from pathlib import Path

from ner.errors import ModelFolderError
from ner.files import MANIFEST, read_json

# The folder of the model in that of its run, and the summary beside the runs of several seeds.
MODEL, SEEDS = "model", "seeds.json"


def seed_folder(folder: Path, seed: int) -> Path:
    """Return the folder of the run with a seed, in that of all seeds."""
    return folder / f"seed-{seed}"


def model_paths(path: str | Path) -> list[str | Path]:
    """List the models that a path stands for.

    Args:
        path: The folder of `ner train --seeds`, that of one run, that of a model; or anything else,
            which stands for itself.

    Raises:
        ModelFolderError: The summary of the seeds cannot be read.
    """
    folder = Path(path)
    if (folder / SEEDS).is_file():
        try:
            seeds = [int(run["seed"]) for run in read_json(folder / SEEDS)["runs"]]
        except (KeyError, TypeError, ValueError):
            raise ModelFolderError(f"{folder}: {SEEDS} is damaged.") from None
        return [seed_folder(folder, seed) / MODEL for seed in seeds]
    if not (folder / MANIFEST).is_file() and (folder / MODEL / MANIFEST).is_file():
        return [folder / MODEL]
    return [path]
