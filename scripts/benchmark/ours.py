"""This package as a contender of the benchmark, with its own trainer and its own tagger.

The network has the widths of the baseline (words 100, character CNN 30, one LSTM layer, CRF) and
its learning rate. Everything else is as in `ner train` on a CPU, including averaged weights.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ner
from ner.crf import kernel
from ner.data.schemes import Span
from ner.data.sentence import Sentence
from ner.inference.predictor import Predictor

if TYPE_CHECKING:
    from ner.config.loading import Config
    from ner.training.prepare import WordVectors
    from ner.training.trainer import Epoch, Step

SETTINGS = {
    "words.size": 100,
    "characters.size": 30,
    "characters.output_size": 30,
    "shape.size": 0,
    "affixes.rows": 0,
    "training.batch_size": 32,
    "training.learning_rate": 1e-3,
    "training.embedding_rate": 1.0,
    "training.betas": [0.9, 0.999],
    "training.clip_norm": 5.0,
    "training.schedule": "constant",
    "training.device": "cpu",
}

ENDLESS = 1_000_000  # epochs


class OurTagger:
    """A `ner.Tagger` with the methods that the benchmark calls."""

    def __init__(self, tagger: Predictor) -> None:
        assert isinstance(tagger, ner.Tagger)
        self.tag = tagger.tag_sentences
        self.tag_tokens = tagger.tag_tokens
        self.tag_text = tagger.tag

    def spans(self, tagged: Sequence[Sentence]) -> list[Sequence[Span]]:
        """Convert the result of `tag` to spans."""
        return [s.found_spans or () for s in tagged]


def load(folder: Path) -> OurTagger:
    """Load a model folder as users do: ONNX Runtime, fp32, the compiled kernel if there is one."""
    return OurTagger(ner.load(folder))


def load_int8(folder: Path) -> OurTagger:
    """Load the model in int8."""
    return OurTagger(ner.load(folder, precision="int8"))


def load_torch(folder: Path) -> OurTagger:
    """Load the model on torch."""
    return OurTagger(ner.load(folder, runtime="torch"))


class NumpyTagger(OurTagger):
    """A tagger that decodes in numpy, as if there had been no C compiler at installation."""

    def __init__(self, tagger: Predictor) -> None:
        super().__init__(tagger)
        self.tag = without_kernel(self.tag)
        self.tag_tokens = without_kernel(self.tag_tokens)
        self.tag_text = without_kernel(self.tag_text)


def without_kernel(tag: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a function so that it runs without the compiled kernel."""

    def call(argument: Any) -> Any:
        library, kernel.library = kernel.library, None
        try:
            return tag(argument)
        finally:
            kernel.library = library

    return call


def load_numpy(folder: Path) -> NumpyTagger:
    """Load the model for decoding in numpy."""
    return NumpyTagger(ner.load(folder))


def agreement(folder: Path, sentences: Sequence[Sentence]) -> dict[str, float]:
    """Count the sentences whose spans differ between ONNX Runtime and torch; compare scores."""
    taggers = (ner.load(folder), ner.load(folder, runtime="torch"))
    pairs = list(zip(*(tagger.tag_sentences(sentences) for tagger in taggers), strict=True))
    predictions = [(a.prediction, b.prediction) for a, b in pairs]
    scores = [
        abs(one - other)
        for a, b in predictions
        if a and b and a.spans == b.spans
        for one, other in zip(a.scores, b.scores, strict=True)
    ]
    return {
        "sentences": len(pairs),
        "unlike": sum(not (a and b and a.spans == b.spans) for a, b in predictions),
        "largest_difference_of_scores": max(scores, default=0.0),
    }


class Learner:
    """A network of this package that a benchmark trains; it tags on ONNX Runtime.

    Args:
        name: The name in the results.
        size: Width of one direction of the encoder; None if contenders do not differ in it.
        train: Annotated sentences.
        config: All settings. The files that they name are not read.
        vectors: Pretrained vectors of words, if the settings ask for them.
        endless: Whether training never ends, so that steps can be timed for as long as it takes;
            if not, it has the epochs of the settings, and its learning rate falls to their end.
    """

    def __init__(
        self,
        name: str,
        size: int | None,
        train: Sequence[Sentence],
        config: "Config",
        vectors: "WordVectors | None" = None,
        endless: bool = True,
    ) -> None:
        import torch

        from ner.features.counts import count_corpus
        from ner.training.prepare import make_batches, prepare
        from ner.training.settings import fit_to_corpus
        from ner.training.splits import Corpus
        from ner.training.train import build_trainer

        self.name, self.size = name, size
        self.taggers: Mapping[str, str] = {name: "ours:load"}
        corpus = Corpus(train, (), (), count_corpus(train))
        config = fit_to_corpus(config.resolved(), corpus.counts, lambda _: None)
        if endless:
            config = config.updated({"training.epochs": ENDLESS})
        self.epochs = int(config.training.epochs)
        self.prepared = prepare(config, corpus.counts, vectors)
        batches = make_batches(config, corpus, self.prepared)
        # Without development data nothing is scored: benchmarks do that outside of the timed code.
        self.trainer = build_trainer(config, self.prepared, batches, (), torch.device("cpu"))
        self.events: Iterator[Step | Epoch] = self.trainer.run()

    def train(self, seconds: float) -> tuple[int, float]:
        """Train for a while. Return the number of tokens, and the seconds that they took."""
        began, tokens = time.perf_counter(), 0
        while (spent := time.perf_counter() - began) < seconds:
            before = self.trainer.state.tokens
            next(self.events)
            # At the end of an epoch the count starts at 0 again.
            tokens += max(0, self.trainer.state.tokens - before)
        return tokens, spent

    def train_epoch(self) -> float:
        """Train for one epoch. Return the seconds that it took."""
        began, epoch = time.perf_counter(), self.trainer.state.epoch
        while self.trainer.state.epoch == epoch:
            next(self.events)
        return time.perf_counter() - began

    def save(self, folder: Path) -> None:
        """Write a model folder with the averaged weights and the graphs."""
        from ner.data.tokenizer import Tokenizer
        from ner.exporting import write_graphs
        from ner.model_folder import ModelFolder, save_model

        prepared = self.prepared
        with self.trainer.average.applied():
            weights = {k: v.numpy().copy() for k, v in prepared.model.state_dict().items()}
        model = ModelFolder(
            prepared.featurizer,
            prepared.task,
            prepared.network,
            weights,
            Tokenizer(),
        )
        save_model(
            folder,
            model,
            lambda target: write_graphs(target, model, int8="ours, int8" in self.taggers),
        )


class Ours(Learner):
    """This package with the widths of the baseline.

    Args:
        train: Annotated sentences.
        size: Width of one direction of the LSTM.
        precision: Precision of embedder and encoder in training.
        seed: Seed of weights, batches and dropout.
    """

    def __init__(
        self, train: Sequence[Sentence], size: int, precision: str = "fp32", seed: int = 1
    ) -> None:
        from ner.config.loading import parse_config

        settings = {"encoder.size": size, "training.precision": precision, "seed": seed}
        name = "ours" if precision == "fp32" else f"ours, {precision}"
        super().__init__(name, size, train, parse_config({}).updated(SETTINGS | settings))
        self.taggers = {
            "ours": "ours:load",
            "ours, int8": "ours:load_int8",
            "ours, numpy": "ours:load_numpy",
            "ours, torch": "ours:load_torch",
        }
