"""Adds to a model folder the graphs that tagging without torch needs."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Unpack

from ner.data.formats.options import ReadKeywords, ReadOptions
from ner.data.formats.read import CorpusSource, read_sentences
from ner.data.sentence import Sentence
from ner.errors import ConfigError, ModelFolderError
from ner.exporting.check import check_graphs
from ner.exporting.int8 import Int8Cost, measure_int8
from ner.exporting.network import write_graphs
from ner.inference.reading import options_for
from ner.messages import Notify, tell
from ner.model_folder import INT8_GRAPH, ModelFolder, load_model, save_model
from ner.nn.building import Build

# How many sentences the graphs are compared with torch on after training.
CHECKED = 500


def export(
    path: str | Path,
    *,
    int8: bool = False,
    dev: CorpusSource | None = None,
    options: ReadOptions | None = None,
    build: Build | None = None,
    notify: Notify = tell,
    **changes: Unpack[ReadKeywords],
) -> Int8Cost | None:
    """Write model.onnx and words.onnx into a model folder if their results equal those of torch.

    Args:
        path: The folder. It is replaced as a whole.
        int8: Write model.int8.onnx too, and measure what it costs. A folder that has it already
            gets a new one in any case.
        dev: Annotated sentences to compare and measure on. By default some are made up.
        options: How `dev` is read. What it leaves open, such as the names of columns, is as in
            training.
        build: The function that replaced components of the network when it was trained, if any did;
            see `ner.train`.
        notify: Called with a line for everything that a user should know. By default, it is logged.
        changes: Fields of `ReadOptions` by their names, in place of those in `options`.

    Returns:
        The cost of int8, if model.int8.onnx is written.

    Raises:
        ConfigError: The network has a component that cannot be exported; the message names it.
        ModelFolderError: The folder cannot be read, or the results of ONNX Runtime differ from
            those of torch.
    """
    folder = Path(path)
    model = load_model(folder, build)
    int8 = int8 or INT8_GRAPH in model.files
    sentences: list[Sentence] | None = None
    if dev is not None:
        chosen = options_for(
            model, dev, (options or ReadOptions()).updated(**changes), split="dev", notify=notify
        )
        sentences = read_sentences(dev, chosen)
    add = partial(_add_graphs, model=model, sentences=sentences, int8=int8)
    save_model(folder, model, add)
    return measure_int8(folder, model, sentences) if int8 else None


def save_exported(
    folder: Path, model: ModelFolder, sentences: Sequence[Sentence], notify: Notify
) -> None:
    """Write a model folder with its graphs; or, if it cannot have any, without, and say so."""
    add = partial(_add_graphs, model=model, sentences=sentences[:CHECKED] or None, int8=False)
    try:
        save_model(folder, model, add)
    except (ConfigError, ModelFolderError) as error:
        notify(f"The model is saved without model.onnx, so tagging needs torch. {error}")
        save_model(folder, model)


def _add_graphs(
    folder: Path, model: ModelFolder, sentences: Sequence[Sentence] | None, int8: bool
) -> None:
    # `save_model` calls this when the folder has everything else.
    write_graphs(folder, model, int8=int8)
    check_graphs(folder, model, sentences)
