"""A model in use: sentences in, the same sentences with predictions out."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self, SupportsIndex, cast, overload

import numpy as np
from numpy.typing import NDArray

from ner.choices import Precision, RuntimeName, SuggestBy
from ner.crf.span_lattice import Range
from ner.data.lines import listed
from ner.data.min_score import MinScore, check_min_score
from ner.data.sentence import Entity, PredictedSentence, Sentence
from ner.data.sentence_splitter import FindStarts
from ner.data.tokenizer import Tokenizer
from ner.ensemble_folder import EnsembleFolder
from ner.errors import TaskError
from ner.features.arrays import Floats
from ner.features.document_evidence import DocumentNetwork
from ner.features.featurizer import Featurizer
from ner.inference import started
from ner.inference.batching import BATCH_TOKENS, BatchRunner, decode_scores
from ner.inference.ensemble import EnsembleRunner, Member
from ner.inference.opening import Origin, open_model, reopen
from ner.inference.pooling_in_pieces import PoolingWeights, find_pooling
from ner.inference.second_pass import find_documents, score_tags
from ner.inference.windows import as_sentences, start_windows
from ner.messages import Notify
from ner.model_folder import ModelFolder
from ner.tasks import SpanTask, Task, TokenTask
from ner.tasks.base import Decode, Runtime

if TYPE_CHECKING:
    from ner.evaluation.calibration import Calibration
    from ner.evaluation.span_calibration import SpanCalibration
    from ner.inference.classification import Classification
    from ner.nn.building import Build
    from ner.rules.rules import Rules

# Sentences that `pipe` reads ahead, so that it can group those of like length.
WINDOW = 1024

# A labelled part of a text in characters: (start, end, label), or an entity.
TextSpan = tuple[int, int, str] | Entity

# A labelled part of a text in tokens: (start, end, label).
TokenSpan = tuple[int, int, str]


@dataclass(frozen=True, eq=False, repr=False)
class Predictor:
    """A model that is ready for use: a `Tagger`, a `TokenTagger` or a `TextClassifier`.

    `ner.load` and `ner.train` return one. It has the methods of all three; one that the model
    cannot do raises a `TaskError`, which names the right one. It goes to other processes as the
    path of its folder, which is opened again there.

    Args:
        task: What it predicts.
        featurizer: Turns strings into arrays.
        runtime: Turns arrays into scores; or the members of an ensemble, which do that.
        tokenizer: Cuts raw text into tokens.
        record: What is known about the model: versions, metrics, data digests, seed.
        documents: Corrects scores by evidence from the document, where the model has learned that.
        pooling: Puts long texts together from pieces, where a model labels whole texts.
    """

    task_class: ClassVar[type[Task]]
    """The task that the class is for."""

    task: Task
    featurizer: Featurizer
    runtime: Runtime | EnsembleRunner
    tokenizer: Tokenizer
    record: Mapping[str, Any] = field(default_factory=dict)
    documents: DocumentNetwork | None = None
    pooling: PoolingWeights | None = None
    runner: BatchRunner | EnsembleRunner = field(init=False)
    decode: Decode = field(init=False)
    origin: Origin | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        runner = self.runtime
        if not isinstance(runner, EnsembleRunner):
            runner = BatchRunner(
                *(self.featurizer, runner),
                is_per_token=self.task.is_per_token,
                pooling=self.pooling,
            )
        object.__setattr__(self, "runner", runner)
        object.__setattr__(self, "decode", self.task.decode(runner.edges))

    @classmethod
    def load(
        cls,
        path: str | Path,
        *,
        runtime: RuntimeName = "auto",
        precision: Precision = "fp32",
        device: str = "cpu",
        threads: int | None = None,
        build: "Build | None" = None,
    ) -> Self:
        """Load a model folder that holds a model of this class; the arguments are those of `load`.

        Raises:
            ConfigError: An argument has no such value, or they do not go together.
            ModelFolderError: The folder holds a model of another class; or something is missing,
                changed, or from a newer version.
            MissingExtraError: torch is needed, and not installed.
        """
        if cls is Predictor:
            raise TypeError("Predictor: has no load(). Call ner.load(), which finds the class.")
        opened = open_model(
            path,
            task=cls.task_class,
            runtime=runtime,
            precision=precision,
            device=device,
            threads=threads,
            build=build,
        )
        return cls.of(*opened)

    @classmethod
    def of(
        cls,
        model: ModelFolder | EnsembleFolder,
        runtime: Runtime | EnsembleRunner,
        origin: Origin | None = None,
    ) -> Self:
        """Join a model with what runs its network.

        Args:
            model: The model.
            runtime: Runs its network.
            origin: Where both come from; None if the model was never in a folder.
        """
        record = {**model.record}
        found = cls(
            *(model.task, model.featurizer, runtime, model.tokenizer, record),
            documents=model.documents,
            pooling=find_pooling(model),
        )
        object.__setattr__(found, "origin", origin)
        return found

    def __reduce_ex__(self, protocol: SupportsIndex) -> str | tuple[Any, ...]:
        # A copy in another process opens the folder again, so that vectors stay mapped from there.
        if self.origin is None:
            return super().__reduce_ex__(protocol)
        return reopen, (type(self).of, self.origin)

    def __repr__(self) -> str:
        place = "in memory" if self.origin is None else self.origin.folder
        runtime = type(self.runtime).__name__
        return f"<{type(self).__name__} {place}: {listed(self.labels)}; {runtime}>"

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels that the model knows: types of entities, labels of tokens, or classes."""
        return self.task.labels

    @property
    def members(self) -> "Sequence[Self | Member]":
        """The members of an ensemble; for any other model, the model alone."""
        return self.runtime.members if isinstance(self.runtime, EnsembleRunner) else (self,)

    @property
    def uses_documents(self) -> bool:
        """Whether scores depend on evidence from the document."""
        return any(member.documents is not None for member in self.members)

    @property
    def column(self) -> str:
        """The name of the column of labels that a `TokenTagger` predicts.

        Raises:
            TaskError: The model predicts something else.
        """
        if self.task.column is None:
            raise self.task_error("column")
        return self.task.column

    @overload
    def __call__(
        self,
        texts: str | Sentence,
        *,
        rules: "Rules | None" = None,
        split: FindStarts | None = None,
        min_score: MinScore = 0.0,
    ) -> PredictedSentence: ...

    @overload
    def __call__(
        self,
        texts: Iterable[str | Sentence],
        *,
        rules: "Rules | None" = None,
        split: FindStarts | None = None,
        min_score: MinScore = 0.0,
    ) -> list[PredictedSentence]: ...

    def __call__(
        self,
        texts: str | Sentence | Iterable[str | Sentence],
        *,
        rules: "Rules | None" = None,
        split: FindStarts | None = None,
        min_score: MinScore = 0.0,
    ) -> PredictedSentence | list[PredictedSentence]:
        """Tag or label a text, or each text of a list, an array or a column of a table.

        `pipe` does the same for a stream that need not fit into memory.

        Args:
            texts: A text, or several, in batches. Sentences are taken as well.
            rules: Words and patterns that bind the model, as for `pipe`.
            split: Finds the sentences of a text, as for `pipe`.
            min_score: The lowest score of the entities that are kept, as for `pipe`.

        Returns:
            The text with its `prediction`, or a list of such texts in the same order.

        Raises:
            ConfigError: `min_score` is no score of the model's labels, or `rules` have others.
            TaskError: There is a `split`, but the model labels whole texts; or a `min_score` or
                `rules`, but it finds no entities.
        """
        if isinstance(texts, str | Sentence):
            return next(self.pipe([texts], rules=rules, split=split, min_score=min_score))
        return list(self.pipe(texts, rules=rules, split=split, min_score=min_score))

    def tag(
        self,
        text: str,
        *,
        required: Sequence[TextSpan] = (),
        forbidden: Sequence[TextSpan] = (),
        rules: "Rules | None" = None,
        split: FindStarts | None = None,
        min_score: MinScore = 0.0,
    ) -> PredictedSentence:
        """Tag a raw text, see `Tagger.tag` and `TokenTagger.tag`.

        Raises:
            TaskError: The model is a classifier.
        """
        raise self.task_error("tag()")

    def tag_tokens(
        self,
        tokens: Sequence[str],
        *,
        required: Sequence[TokenSpan] = (),
        forbidden: Sequence[TokenSpan] = (),
        rules: "Rules | None" = None,
        min_score: MinScore = 0.0,
    ) -> PredictedSentence:
        """Tag tokens, see `Tagger.tag_tokens` and `TokenTagger.tag_tokens`.

        Raises:
            TaskError: The model is a classifier.
        """
        raise self.task_error("tag_tokens()")

    def nbest(
        self,
        text: str | Sentence,
        k: int = 5,
        *,
        required: Sequence[TextSpan] = (),
        forbidden: Sequence[TextSpan] = (),
        rules: "Rules | None" = None,
    ) -> list[PredictedSentence]:
        """Find the most probable taggings of a text, see `Tagger.nbest`.

        Raises:
            TaskError: The model is no `Tagger`.
        """
        raise self.task_error("nbest()")

    def posteriors(
        self, sentences: Sequence[Sentence], spans: Sequence[Sequence[Range]]
    ) -> list[tuple[float, ...]]:
        """Compute the probability of any spans, see `Tagger.posteriors`.

        Raises:
            TaskError: The model is no `Tagger`.
        """
        raise self.task_error("posteriors")

    def uncertainty(
        self, sentences: Sequence[Sentence], by: SuggestBy
    ) -> tuple[list[PredictedSentence], list[NDArray[np.float64]]]:
        """Predict for sentences, and say how unsure of it the model is, see `Tagger.uncertainty`.

        Raises:
            TaskError: The model is no `Tagger`.
        """
        raise self.task_error("uncertainty")

    def reliability(
        self, gold: Sequence[Sentence], predicted: Sequence[PredictedSentence]
    ) -> "SpanCalibration | None":
        """Compare the scores of predictions with how often they are right.

        Args:
            gold: Annotated sentences.
            predicted: What the model predicts for them, in the same order.

        Returns:
            The comparison; None for a model that finds no spans.
        """
        return None

    def classify(self, text: str) -> "Classification":
        """Label a raw text, see `TextClassifier.classify`.

        Raises:
            TaskError: The model is no `TextClassifier`.
        """
        raise self.task_error("classify()")

    def classify_tokens(self, tokens: Sequence[str]) -> "Classification":
        """Label a text that is already cut into tokens, see `TextClassifier.classify_tokens`.

        Raises:
            TaskError: The model is no `TextClassifier`.
        """
        raise self.task_error("classify_tokens()")

    def pipe(
        self,
        items: Iterable[str | Sentence],
        *,
        batch_tokens: int = BATCH_TOKENS,
        window: int = WINDOW,
        rules: "Rules | None" = None,
        split: FindStarts | None = None,
        min_score: MinScore = 0.0,
    ) -> Iterator[PredictedSentence]:
        """Tag or label a stream of raw texts or sentences: lazily, in order, in constant memory.

        Args:
            items: Texts (str) or sentences.
            batch_tokens: Tokens in a batch, padding included.
            window: Items that are grouped by length. Up to two windows are read ahead.
            rules: Words and patterns that are required or forbidden as entities, such as
                `ner.Rules.load("names.toml")`. Scores are exact among the results that obey them.
            split: Finds the sentences of a text, such as a `ner.SentenceSplitter`: each is tagged
                by itself. By default an item is taken as one.
            min_score: The lowest score of the entities that are kept, from 0 to 1; or one for each
                label, such as `{"PER": 0.9}`, where labels without a score are all kept, and those
                with None left out.

        Raises:
            ConfigError: `min_score` is no score of the model's labels, or `rules` have others.
            TaskError: There is a `split`, but the model labels whole texts; or a `min_score` or
                `rules`, but it finds no entities.
        """
        if isinstance(items, str):
            raise TypeError(f"items: must be many texts. Got one: call {self.task.verb}().")
        for name, value in (("window", window), ("batch_tokens", batch_tokens)):
            if value < 1:
                raise ValueError(f"{name}: must be at least 1. Got {value}.")
        if split is not None and not self.task.is_per_token:
            raise self.task_error("split")
        self.check_min_score(min_score)
        start = partial(self._start, batch_tokens=batch_tokens)
        if rules is not None:
            self.check_rules(rules)
            options = {"rules": rules, "split": split, "batch_tokens": batch_tokens}
            start = started.start_later(partial(self.tag_by_rules, **options))
        elif split is not None:
            start = partial(started.start_in_sentences, find_starts=split, start=start)
        read = (i if isinstance(i, Sentence) else self.read(i) for i in items)
        found = started.results_in_turn(start_windows(read, start, window, self.members))
        return (sentence.at_least(min_score) for sentence in found) if min_score else found

    def check_min_score(self, min_score: MinScore) -> None:
        """Refuse a lowest score that does not go with the model.

        Raises:
            ConfigError: It is not from 0 to 1, or for a label that the model does not know.
            TaskError: The model finds no entities.
        """
        if not min_score:  # as most often; the labels would have to be listed for each text
            return
        if self.task.empty.spans is None:
            raise self.task_error("min_score")
        check_min_score(min_score, self.labels)

    def check_rules(self, rules: "Rules") -> None:
        """Refuse rules that the model cannot obey, see `Tagger.check_rules`.

        Raises:
            TaskError: The model is no `Tagger`.
        """
        raise self.task_error("rules")

    def tag_by_rules(
        self,
        sentences: Sequence[Sentence],
        rules: "Rules",
        *,
        split: FindStarts | None = None,
        batch_tokens: int = BATCH_TOKENS,
    ) -> list[PredictedSentence]:
        """Tag sentences under rules, see `Tagger.tag_by_rules`.

        Raises:
            TaskError: The model is no `Tagger`.
        """
        raise self.task_error("rules")

    def tag_sentences(
        self, sentences: Iterable[Sentence], *, batch_tokens: int = BATCH_TOKENS
    ) -> list[PredictedSentence]:
        """Return the sentences with their `prediction`, in the same order."""
        return self._start(sentences, batch_tokens=batch_tokens).finish()

    def _start(
        self, sentences: Iterable[Sentence], batch_tokens: int
    ) -> started.Started[list[PredictedSentence]]:
        """Start the work of `tag_sentences`."""
        sentences = as_sentences(sentences)
        decode, empty = self.decode, self.task.empty
        if self.documents is None or not find_documents(sentences):
            found = self.runner.start(sentences, decode, empty, batch_tokens)
        else:
            found = started.Started(
                lambda: decode_scores(
                    self.emissions(sentences, batch_tokens), decode, empty, batch_tokens
                )
            )
        return found.then(
            lambda found: [s.predicted(p) for s, p in zip(sentences, found, strict=True)]
        )

    def emissions(
        self, sentences: Sequence[Sentence], batch_tokens: int = BATCH_TOKENS
    ) -> list[Floats]:
        """Compute the scores of tags (T C) of each sentence, before any temperature.

        Raises:
            TaskError: The model labels whole texts.
        """
        if not self.task.is_per_token:
            raise self.task_error("emissions")
        task = cast("SpanTask | TokenTask", self.task)
        return score_tags(self.runner, task, self.documents, sentences, batch_tokens)

    def read(self, text: str) -> Sentence:
        """Cut a raw text into tokens."""
        if not isinstance(text, str):
            raise TypeError(
                f"text: must be a str. Got {type(text).__name__}. For tokens call "
                f"{self.task.verb}_tokens(), or make a Sentence of them."
            )
        tokens, offsets = self.tokenizer(text)
        return Sentence(tokens, text=text, offsets=offsets)

    def check_tokens(self, tokens: Sequence[str]) -> Sentence:
        """Make a sentence of tokens."""
        if isinstance(tokens, str):
            raise TypeError(
                f"tokens: must be a list of strings. Got one string: call {self.task.verb}()."
            )
        return Sentence(tokens)

    def calibrated(
        self, dev: Sequence[Sentence], notify: Notify
    ) -> "tuple[Self, Calibration | None]":
        """Fit the temperature, so that predictions are as often right as their scores say.

        Args:
            dev: Annotated sentences.
            notify: Called with a line for everything that a user should know.

        Returns:
            The model with the new temperature, and what was fitted; the same model and None where
            there is nothing to fit on.
        """
        return self, None

    def task_error(self, what: str) -> TaskError:
        """Return the error for what the model cannot do; for a method it names the right one."""
        tokens = "_tokens" if what.endswith("_tokens()") else ""
        hint = f" Call {self.task.verb}{tokens}()." if what.endswith("()") else ""
        return TaskError(f"{what}: not for a model that {self.task.does}.{hint}")
