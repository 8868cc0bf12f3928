"""A tagger with the methods of scikit-learn, for cross-validation and searches of settings."""

import os
import shutil
import tempfile
import weakref
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from ner.choices import Spelling
from ner.data.formats.options import ReadOptions
from ner.data.formats.read import read_sentences
from ner.data.sentence import PredictedSentence, Sentence
from ner.data.tools.check_schemes import find_scheme
from ner.extras import require, require_training
from ner.inference.loading import load
from ner.inference.predictor import Predictor
from ner.model_folder import copy_model, pack_model, unpack_model

require("sklearn", "ner.sklearn")

from sklearn.base import BaseEstimator  # noqa: E402 - what is missing is told first
from sklearn.utils import Tags, check_random_state  # noqa: E402
from sklearn.utils.validation import check_consistent_length, check_is_fitted  # noqa: E402

# The name of the column of labels, where tags are not those of spans.
COLUMN = "tag"

Tokens = Sequence[Sequence[str]]


class SequenceTagger(BaseEstimator):
    """Learns tags of tokens: X is a list of sentences, each a list of tokens, and y their tags.

    Args:
        spans: Whether tags mark spans, such as B-PER, in any scheme. Otherwise they are labels of
            single tokens, such as NOUN.
        epochs: Passes over the training data, like `training.epochs`. None is the default value of
            the setting, for this and the following arguments.
        batch_size: Sentences of a step, like `training.batch_size`.
        learning_rate: Size of the steps, like `training.learning_rate`.
        encoder_size: Width of the encoder, like `encoder.size`.
        dropout: Share of the encoder's inputs that are left out, like `encoder.dropout`.
        vectors: File of pretrained word vectors, like `vectors.path`.
        settings: All other settings by dotted keys, such as `{"characters.kind": "none"}`.
        random_state: Seed of everything that is random, like `seed`.
        device: Device for training and tagging, as for `ner.load`.
        verbose: Whether to show progress on stderr.
    """

    def __init__(
        self,
        *,
        spans: bool = True,
        epochs: int | None = None,
        batch_size: int | None = None,
        learning_rate: float | None = None,
        encoder_size: int | None = None,
        dropout: float | None = None,
        vectors: str | os.PathLike[str] | None = None,
        settings: Mapping[str, Any] | None = None,
        random_state: Any = None,
        device: str = "cpu",
        verbose: bool = False,
    ) -> None:
        self.spans = spans
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.encoder_size = encoder_size
        self.dropout = dropout
        self.vectors = vectors
        self.settings = settings
        self.random_state = random_state
        self.device = device
        self.verbose = verbose

    model_: Predictor
    """The model that was learned."""
    scheme_: Spelling
    """The scheme of the tags, if they are those of spans."""

    def fit(self, X: Tokens, y: Tokens, *, dev: tuple[Tokens, Tokens] | None = None) -> Self:
        """Learn from sentences and their tags.

        Args:
            X: The tokens of each sentence.
            y: The tags of each sentence, one a token.
            dev: Other sentences and their tags, which choose the best epoch. By default, a tenth of
                X is held out for that.

        Raises:
            ConfigError: A setting has no such value.
            DataError: A sentence cannot be used. The message names it, such as `train[3]`.
            MissingExtraError: A package that training needs is not installed.
            ValueError: X and y do not have the same number of sentences.
        """
        require_training()
        from ner.training.train import train

        known = self._gold(X, y, "train")
        held_out = None if dev is None else self._gold(*dev, "dev")
        if self.spans:
            self.scheme_ = find_scheme([list(tags) for tags in y]).spelling or "BIO"
        with tempfile.TemporaryDirectory(prefix="lattice-ner-") as folder:
            run = Path(folder) / "run"
            train(
                out=run,
                train=known,
                dev=held_out,
                set=self._settings(),
                progress=self.verbose,
            )
            self._open(lambda target: copy_model(run / "model", target))
        return self

    def predict(self, X: Tokens) -> list[list[str]]:
        """Return the tags of each sentence, one a token, in the scheme of the training data."""
        tagged = self._tag(X)
        if self.spans:
            return [sentence.tags(self.scheme_) for sentence in tagged]
        return [list(sentence.column(COLUMN)) for sentence in tagged]

    def predict_scores(self, X: Tokens) -> list[list[tuple[int, int, str, float]]]:
        """Return what is found in each sentence: start, end, label, and exact probability.

        Start and end count tokens, half open. Tags that do not mark spans are one token long.
        """
        return [
            [
                (span.start, span.end, span.label, score)
                for span, score in zip(found.spans, found.scores, strict=True)
            ]
            if found.spans is not None
            else [
                (i, i + 1, label, score)
                for i, (label, score) in enumerate(
                    zip(found.columns[COLUMN], found.column_scores[COLUMN], strict=True)
                )
            ]
            for found in (sentence.prediction for sentence in self._tag(X))
        ]

    def score(self, X: Tokens, y: Tokens) -> float:
        """Compute F1 of spans as seqeval does, or the accuracy of tags that do not mark spans."""
        gold = self._gold(X, y, "test")
        check_is_fitted(self)
        return self.model_.task.score(gold, self.model_.tag_sentences(gold))

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write the model into a folder that `ner.load` and the command line read."""
        check_is_fitted(self)
        copy_model(self._folder(), Path(folder))

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "model_")

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.string = True
        tags.target_tags.required = True
        tags.target_tags.single_output = False
        tags.target_tags.multi_output = True
        tags.no_validation = True  # sentences have no number of features
        return tags

    def __getstate__(self) -> dict[str, Any]:
        state: Any = super().__getstate__()
        if "model_" in state:
            return {**state, "model_": pack_model(self._folder())}
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__({name: value for name, value in state.items() if name != "model_"})
        if "model_" in state:
            self._open(lambda target: unpack_model(state["model_"], target))

    def _settings(self) -> dict[str, Any]:
        """Return the settings of a run by dotted keys, without those that are left to it."""
        seed = self.random_state
        if seed is not None and not isinstance(seed, int):
            seed = int(check_random_state(seed).randint(2**31 - 1))
        named = {
            "training.epochs": self.epochs,
            "training.batch_size": self.batch_size,
            "training.learning_rate": self.learning_rate,
            "training.device": self.device,
            "encoder.size": self.encoder_size,
            "encoder.dropout": self.dropout,
            "vectors.path": None if self.vectors is None else str(self.vectors),
            "seed": seed,
        }
        task = {} if self.spans else {"task": "tag", "data.target": COLUMN}
        chosen = {name: value for name, value in named.items() if value is not None}
        return {**task, **chosen, **(self.settings or {})}

    def _gold(self, X: Tokens, y: Tokens, split: str) -> list[Sentence]:
        check_consistent_length(X, y)
        pairs = [(list(tokens), list(tags)) for tokens, tags in zip(X, y, strict=True)]
        if self.spans:
            return read_sentences(pairs, ReadOptions(split=split))
        return [Sentence(tokens, columns={COLUMN: tuple(tags)}) for tokens, tags in pairs]

    def _tag(self, X: Tokens) -> list[PredictedSentence]:
        check_is_fitted(self)
        return self.model_.tag_sentences(Sentence(list(tokens)) for tokens in X)

    def _open(self, write: Callable[[Path], None]) -> None:
        """Load a model that is written into a folder, which stays as long as the tagger."""
        folder = tempfile.mkdtemp(prefix="lattice-ner-")
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        write(Path(folder) / "model")
        self.model_ = load(Path(folder) / "model", device=self.device)

    def _folder(self) -> Path:
        origin = self.model_.origin
        assert origin is not None  # _open reads it from a folder
        return origin.folder
