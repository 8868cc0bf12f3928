"""Give a model folder the files that tagging without torch needs."""

from collections.abc import Callable, Sequence
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
from ner.model_folder import INT8_GRAPH, ModelFolder, load_model, save_model

# Sentences on which a training compares graphs with torch.
CHECKED = 500


def export(
    path: str | Path,
    *,
    int8: bool = False,
    dev: CorpusSource | None = None,
    options: ReadOptions | None = None,
    **changes: Unpack[ReadKeywords],
) -> Int8Cost | None:
    """Write model.onnx and words.onnx into a model folder, once they are found equal to torch.

    Args:
        path: The folder, which is replaced as a whole.
        int8: Write model.int8.onnx as well, and measure what it costs. A folder that has it
            already gets it anew.
        dev: Annotated sentences, to compare and to measure on; by default some are made up.
        options: How `dev` is read. What it leaves open, such as the names of columns, is as in
            training.
        changes: Fields of `ReadOptions` by their names, in place of those in `options`.

    Returns:
        The cost of int8, if that was asked for.

    Raises:
        ConfigError: The network has a part that cannot be exported; it is named.
        ModelFolderError: The folder cannot be read, or ONNX Runtime gives other results than torch.
    """
    folder = Path(path)
    parts = load_model(folder)
    int8 = int8 or INT8_GRAPH in parts.files
    sentences: list[Sentence] | None = None
    if dev is not None:
        columns = tuple(parts.record.get("columns", ())) or None
        chosen = (
            (options or ReadOptions())
            .updated(**changes)
            .filled(
                columns=columns, target=parts.task.column, split="dev", tokenize=parts.tokenizer
            )
        )
        sentences = read_sentences(dev, chosen)
    add = partial(_add_graphs, parts=parts, sentences=sentences, int8=int8)
    save_model(folder, parts, add)
    return measure_int8(folder, parts, sentences) if int8 else None


def save_exported(
    folder: Path, parts: ModelFolder, sentences: Sequence[Sentence], notify: Callable[[str], None]
) -> None:
    """Write a model folder with its graphs, or, where there can be none, without; and say so."""
    add = partial(_add_graphs, parts=parts, sentences=sentences[:CHECKED] or None, int8=False)
    try:
        save_model(folder, parts, add)
    except (ConfigError, ModelFolderError) as error:
        notify(f"No model.onnx is written, so tagging needs torch. {error}")
        save_model(folder, parts)


def _add_graphs(
    folder: Path, parts: ModelFolder, sentences: Sequence[Sentence] | None, int8: bool
) -> None:
    # Called by `save_model`, when all else is in the folder.
    write_graphs(folder, parts, int8=int8)
    check_graphs(folder, parts, sentences)
