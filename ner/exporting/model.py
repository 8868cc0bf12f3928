"""Adds to a model folder the graphs that tagging without torch needs."""

import shutil
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Unpack

from ner.data.formats.options import ReadKeywords, ReadOptions
from ner.data.formats.read import CorpusSource, read_sentences
from ner.data.sentence import Sentence
from ner.errors import ConfigError, ModelFolderError
from ner.exporting.check import check_graphs
from ner.exporting.compact import CompactCost, compacted, measure_compact
from ner.exporting.int8 import Int8Cost, measure_int8
from ner.exporting.network import write_graphs
from ner.files import folder_size
from ner.inference.reading import options_for
from ner.installed import model_folder, refuse_shared
from ner.messages import Notify, tell
from ner.model_folder import INT8_GRAPH, LICENCE, ModelFolder, load_model, save_model
from ner.nn.building import Build

# How many sentences the graphs are compared with torch on after training.
CHECKED = 500


@dataclass(frozen=True)
class ExportCost:
    """The costs of what an export wrote.

    Args:
        int8: The cost of computing in int8; None if model.int8.onnx is not written.
        compact: The cost of compact storage; None if the model is not made compact.
    """

    int8: Int8Cost | None = None
    compact: CompactCost | None = None


def export(
    path: str | Path,
    *,
    out: str | Path | None = None,
    int8: bool = False,
    compact: bool = False,
    leave_out: Collection[str] = (),
    dev: CorpusSource | None = None,
    options: ReadOptions | None = None,
    build: Build | None = None,
    notify: Notify = tell,
    **changes: Unpack[ReadKeywords],
) -> ExportCost:
    """Write model.onnx and words.onnx into a model folder if their results equal those of torch.

    Args:
        path: The folder of the model, or its name as an installed one or on the hub.
        out: The folder to write; by default `path`. It is replaced as a whole.
        int8: Write model.int8.onnx too, and measure what it costs. A folder that has it already
            gets a new one in any case.
        compact: Store vectors and large matrices in eight bits, and each of them once; leave out
            words that are private, such as addresses of mail; and measure what this costs.
        leave_out: Further words that a compact model leaves out.
        dev: Annotated sentences to compare and measure on. By default some are made up.
        options: How `dev` is read. What it leaves open, such as the names of columns, is as in
            training.
        build: The function that replaced components of the network when it was trained, if any did;
            see `ner.train`.
        notify: Called with a line for everything that a user should know. By default, it is logged.
        changes: Fields of `ReadOptions` by their names, in place of those in `options`.

    Returns:
        The cost of what was asked for.

    Raises:
        ConfigError: The network has a component that cannot be exported; the message names it. Or
            `out` is missing, and the model is no folder.
        ModelFolderError: The folder cannot be read, or the results of ONNX Runtime differ from
            those of torch.
    """
    if out is None:
        refuse_shared(path)
    folder = model_folder(path)
    model = load_model(folder, build)
    int8 = int8 or INT8_GRAPH in model.files
    sentences: list[Sentence] | None = None
    if dev is not None:
        chosen = options_for(
            model, dev, (options or ReadOptions()).updated(**changes), split="dev", notify=notify
        )
        sentences = read_sentences(dev, chosen)
    target = folder if out is None else Path(out)
    size = folder_size(folder)
    written = compacted(model, leave_out) if compact else model
    # What is read from the folder when it is needed must be read before the folder is replaced.
    full = replace(model, weights=dict(model.weights)) if compact else model

    def add(beside: Path) -> None:
        _add_graphs(beside, written, sentences, int8)
        if LICENCE in model.files:
            shutil.copyfile(folder / LICENCE, beside / LICENCE)

    save_model(target, written, add)
    return ExportCost(
        measure_int8(target, written, sentences) if int8 else None,
        measure_compact(target, full, written, sentences, size) if compact else None,
    )


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
