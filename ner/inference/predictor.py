"""A model in use: sentences in, the same sentences with predictions out."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any, ClassVar, Generic, Self, TypeVar

from ner.data.sentence import Sentence
from ner.data.sentence_splitter import FindStarts, tag_in_sentences
from ner.data.tokenizer import Tokenizer
from ner.evaluation.calibration import Calibration
from ner.features.document_context import windows_with_context
from ner.features.featurizer import Featurizer
from ner.inference.batching import BATCH_TOKENS, BatchRunner
from ner.tasks import Task
from ner.tasks.base import Runtime

# Sentences that `pipe` reads ahead, so that it can group those of like length.
WINDOW = 1024

AnyTask = TypeVar("AnyTask", bound=Task)


class Predictor(Generic[AnyTask]):
    """A model that is ready for use; made by `ner.load` or `ner.train`.

    Args:
        task: What it predicts.
        featurizer: Strings to arrays.
        runtime: Arrays to scores.
        tokenizer: Raw text to tokens.
        record: What is known about the model: versions, metrics, data digests, seed.
    """

    task_class: ClassVar[type[Task]]
    """The task that the class is for."""

    def __init__(
        self,
        task: AnyTask,
        featurizer: Featurizer,
        runtime: Runtime,
        tokenizer: Tokenizer,
        record: dict[str, Any] | None = None,
    ) -> None:
        self.task = task
        self.featurizer = featurizer
        self.runtime = runtime
        self.decoder = BatchRunner(featurizer, runtime)
        self.decode = task.decode(runtime.edges)
        self.tokenizer = tokenizer
        self.record = record or {}

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels that the model knows: types of entities, labels of tokens, or classes."""
        return self.task.labels

    @property
    def columns(self) -> tuple[str, ...] | None:
        """Names of the columns of a column file, if the model needs them to read one."""
        return tuple(self.record.get("columns", ())) or None

    def pipe(
        self,
        items: Iterable[str | Sentence],
        *,
        batch_tokens: int = BATCH_TOKENS,
        window: int = WINDOW,
        split: FindStarts | None = None,
    ) -> Iterator[Sentence]:
        """Annotate a stream of raw texts or sentences: lazily, in order, in constant memory.

        Args:
            items: Texts (str) or sentences.
            batch_tokens: Tokens in a batch, padding included.
            window: Items that are read ahead and grouped by length.
            split: Finds the sentences of a text, such as a `ner.SentenceSplitter`: each is tagged
                by itself. By default an item is taken as one.
        """
        if isinstance(items, str):
            raise TypeError(
                f"items: many texts or sentences. For one text there is {self.task.verb}()."
            )
        for name, value in (("window", window), ("batch_tokens", batch_tokens)):
            if value < 1:
                raise ValueError(f"{name}: at least 1. Got {value}.")
        if split is not None and not self.task.is_per_token:
            raise TypeError("split: for labels of tokens. A classifier takes texts as one.")
        tag = partial(self.tag_sentences, batch_tokens=batch_tokens)
        if split is not None:
            tag = partial(tag_in_sentences, find_starts=split, tag=tag)
        return self._pipe(iter(items), tag, window)

    def _pipe(
        self,
        items: Iterator[str | Sentence],
        tag: Callable[[list[Sentence]], Iterable[Sentence]],
        window: int,
    ) -> Iterator[Sentence]:
        read = (i if isinstance(i, Sentence) else self.read(i) for i in items)
        subwords = self.featurizer.subwords
        reach = subwords.context if subwords else 0
        for ahead, places in windows_with_context(read, window, reach):
            yield from list(tag(ahead))[places.start : places.stop]

    def calibrated(
        self, dev: Sequence[Sentence], notify: Callable[[str], None]
    ) -> tuple[Self, Calibration | None]:
        """Fit how scores become probabilities; here they are exact, and there is nothing to fit.

        Args:
            dev: Annotated sentences.
            notify: Called with a line for everything that a user should know.

        Returns:
            The model to use from here on, and what was fitted.
        """
        return self, None

    def tag_sentences(
        self, sentences: Sequence[Sentence], *, batch_tokens: int = BATCH_TOKENS
    ) -> list[Sentence]:
        """Give the sentences back with their `prediction`, in the same order."""
        for item in sentences:
            if not isinstance(item, Sentence):
                raise TypeError(
                    f"sentences: a list of Sentence. Got {type(item).__name__}. For raw texts "
                    "there is pipe()."
                )
        found = self.decoder.run(sentences, self.decode, self.task.empty, batch_tokens)
        return [s.predicted(prediction) for s, prediction in zip(sentences, found, strict=True)]

    def read(self, text: str) -> Sentence:
        """Cut a raw text into tokens."""
        if not isinstance(text, str):
            raise TypeError(
                f"a text is a str. Got {type(text).__name__}. For tokens there are "
                f"{self.task.verb}_tokens() and Sentence(tokens)."
            )
        tokens, offsets = self.tokenizer(text)
        return Sentence(tokens, text=text, offsets=offsets)

    def check_tokens(self, tokens: Sequence[str]) -> Sentence:
        """Take tokens as a sentence."""
        if isinstance(tokens, str):
            raise TypeError(f"tokens: a list of strings. For raw text there is {self.task.verb}().")
        return Sentence(tokens)
