"""Use a model: text in, entities out."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from ner.data.corpus import CorpusSource, read_sentences
from ner.data.schemes import Span, spans_from_tags
from ner.data.sentence import Prediction, Sentence
from ner.data.tokenizer import Tokenizer
from ner.errors import DataError, ModelFolderError
from ner.evaluation.metrics import evaluate_sentences
from ner.evaluation.report import Report
from ner.extras import require
from ner.features.batches import EncodedSentences, tagging_batches
from ner.features.featurizer import Arrays, Featurizer
from ner.lattice import Lattice
from ner.model_folder import ModelFolder, load_model

# Tokens of a batch, padding included: large enough to keep the processor busy, small enough to
# stay in its cache.
BATCH_TOKENS = 2048
# Sentences that `pipe` reads ahead, so that it can group those of like length.
WINDOW = 1024


class Runtime(Protocol):
    """Runs the network."""

    lattice: Lattice

    def emissions(self, batch: Arrays) -> np.ndarray:
        """Score each tag at each token (B T C)."""
        ...


class Tagger:
    """A model that is ready to tag; made by `ner.load` or `ner.train`.

    Args:
        featurizer: Strings to arrays.
        runtime: Arrays to scores.
        tokenizer: Raw text to tokens.
        record: What is known about the model: versions, metrics, data digests, seed.
    """

    def __init__(
        self,
        featurizer: Featurizer,
        runtime: Runtime,
        tokenizer: Tokenizer,
        record: dict[str, Any] | None = None,
    ) -> None:
        self.featurizer = featurizer
        self.runtime = runtime
        self.tokenizer = tokenizer
        self.record = record or {}

    @property
    def labels(self) -> tuple[str, ...]:
        """The types of entities that the model knows."""
        return tuple(dict.fromkeys(tag[2:] for tag in self.runtime.lattice.tags if tag != "O"))

    @property
    def columns(self) -> tuple[str, ...] | None:
        """Names of the columns of a column file, if the model reads more of them than tokens."""
        return tuple(self.record.get("columns", ())) or None

    def tag(self, text: str) -> Sentence:
        """Find the entities of a raw text of any length.

        Returns:
            The text, its tokens, and the predicted `entities` with their character offsets.
        """
        return self.tag_sentences([self._read(text)])[0]

    def tag_tokens(self, tokens: Sequence[str]) -> Sentence:
        """Find the entities of a text that is cut into tokens already.

        Offsets are those in the tokens joined by blanks.
        """
        if isinstance(tokens, str):
            raise TypeError("tokens: a list of strings. For raw text there is tag().")
        return self.tag_sentences([Sentence(tokens)])[0]

    def pipe(
        self,
        items: Iterable[str | Sentence],
        *,
        batch_tokens: int = BATCH_TOKENS,
        window: int = WINDOW,
    ) -> Iterator[Sentence]:
        """Tag a stream of raw texts or sentences: lazily, in order, in constant memory.

        Args:
            items: Texts (str) or sentences.
            batch_tokens: Tokens in a batch, padding included.
            window: Items that are read ahead and grouped by length.
        """
        if isinstance(items, str):
            raise TypeError("items: many texts or sentences. For one text there is tag().")
        if window < 1:
            raise ValueError(f"window: at least 1. Got {window}.")
        return self._pipe(iter(items), batch_tokens, window)

    def _pipe(
        self, items: Iterator[str | Sentence], batch_tokens: int, window: int
    ) -> Iterator[Sentence]:
        while ahead := list(islice(items, window)):
            sentences = [item if isinstance(item, Sentence) else self._read(item) for item in ahead]
            yield from self.tag_sentences(sentences, batch_tokens=batch_tokens)

    def tag_sentences(
        self, sentences: Sequence[Sentence], *, batch_tokens: int = BATCH_TOKENS
    ) -> list[Sentence]:
        """Give the sentences back with their `prediction`, in the same order."""
        for item in sentences:
            if not isinstance(item, Sentence):
                raise TypeError(
                    f"sentences: a list of Sentence. Got {type(item).__name__}. For raw texts "
                    "there are tag() and pipe()."
                )
        predictions = [Prediction((), ())] * len(sentences)
        filled = [i for i, sentence in enumerate(sentences) if len(sentence)]
        if filled:
            encoded = EncodedSentences([sentences[i] for i in filled], self.featurizer)
            for indices, batch in tagging_batches(encoded, batch_tokens):
                emissions = finite_emissions(self.runtime, batch)
                decoded = self.runtime.lattice.decode(emissions, batch["lengths"])
                for i, (spans, scores) in zip(indices.tolist(), decoded, strict=True):
                    predictions[filled[i]] = Prediction(spans, scores)
        return [
            sentence.predicted(prediction)
            for sentence, prediction in zip(sentences, predictions, strict=True)
        ]

    def _read(self, text: str) -> Sentence:
        if not isinstance(text, str):
            raise TypeError(
                f"a text is a str. Got {type(text).__name__}. For tokens there are tag_tokens() "
                "and Sentence(tokens)."
            )
        tokens, offsets = self.tokenizer(text)
        return Sentence(tokens, text=text, offsets=offsets)


def predict_spans(
    runtime: Runtime, encoded: EncodedSentences, batch_tokens: int = BATCH_TOKENS
) -> list[list[Span]]:
    """Find the best spans of sentences that are encoded already, without their probabilities."""
    found: list[list[Span]] = [[] for _ in range(len(encoded))]
    tags = runtime.lattice.tags
    for indices, batch in tagging_batches(encoded, batch_tokens):
        emissions = finite_emissions(runtime, batch)
        paths = runtime.lattice.viterbi(emissions, batch["lengths"])
        for i, path, length in zip(indices, paths.tolist(), batch["lengths"], strict=True):
            found[i] = spans_from_tags([tags[tag] for tag in path[:length]])
    return found


def finite_emissions(runtime: Runtime, batch: Arrays) -> np.ndarray:
    """Score a batch, and refuse to decode what is not a number.

    Raises:
        DataError: Scores are not finite, which weights that trained too fast can cause.
    """
    emissions = runtime.emissions(batch)
    if not np.isfinite(emissions).all():
        raise DataError("model: its scores must be finite. Got some that are not.")
    return emissions


def load(path: str | Path, *, device: str = "cpu", threads: int | None = None) -> Tagger:
    """Load a model folder.

    Args:
        path: The folder.
        device: "cpu", "cuda", "cuda:N", or "auto" for CUDA where there is any.
        threads: How many the network may use; None leaves the choice to torch. It holds for the
            whole process.

    Raises:
        ModelFolderError: Something is missing, changed, or from a newer version.
        MissingExtraError: torch is not installed.
    """
    folder = Path(path)
    return build_tagger(load_model(folder), device=device, threads=threads, where=str(folder))


def build_tagger(
    parts: ModelFolder, *, device: str = "cpu", threads: int | None = None, where: str = "model"
) -> Tagger:
    """Make a tagger of the parts of a model."""
    require("ner.nn.loading", "Running a model")
    from ner.nn.loading import TorchRuntime, choose_device, load_network, set_threads

    set_threads(threads)
    chosen = choose_device(device)
    try:
        network = load_network(parts, where)
    except (KeyError, TypeError, ValueError) as error:
        raise ModelFolderError(f"{where}: no network can be built of it: {error!r}.") from error
    return Tagger(
        parts.featurizer, TorchRuntime(network, chosen), parts.tokenizer, {**parts.record}
    )


def evaluate(
    tagger: Tagger, data: CorpusSource, *, name: str | None = None, **reading: Any
) -> Report:
    """Tag sentences whose entities are known, and compare.

    Args:
        tagger: What to evaluate.
        data: A file, a folder or name of HF `datasets`, or a list of sentences.
        name: What to call the data in the report; the file's name by default.
        reading: Further arguments of `read_sentences`.

    Raises:
        DataError: The data cannot be read, or are not annotated.
    """
    if not isinstance(tagger, Tagger):
        raise TypeError(f"tagger: a Tagger, made by load() or train(). Got {tagger!r}.")
    if reading.get("columns") is None:
        reading["columns"] = tagger.columns
    gold = read_sentences(data, split="test", tokenize=tagger.tokenizer, **reading)
    title = name or (Path(data).name if isinstance(data, str | Path) else "sentences")
    return evaluate_sentences(gold, tagger.tag_sentences(gold), name=title)
