"""Sources to results, in order; what somebody writes line by line is answered line by line."""

import re
import sys
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from ner.choices import Spelling
from ner.cli.inputs import Input
from ner.cli.looking import CONLL
from ner.cli.outputs import TOOLS, Failure, Result, Watch, conll_rows
from ner.cli.record_fields import SKIPPED, Skipped
from ner.cli.skipped import SkippedRows

if TYPE_CHECKING:
    from ner.cli.inputs import Item
    from ner.data.sentence import PredictedSentence, Sentence
    from ner.errors import DataError
    from ner.inference.predictor import Predictor

Element = TypeVar("Element")


class Stream:
    """The results of a command.

    Args:
        inputs: The sources.
        model: Annotates their texts.
        watch: Counts the results.
        output: The form of the output.
        batch_tokens: Tokens of a batch; None leaves that to the model.
        has_tokens: Whether JSON lines have the places of tokens that the model cut.
        documents: Whether a text that names no document is one by itself.
        options: Other arguments of the model's `pipe`.
    """

    def __init__(
        self,
        inputs: Sequence[Input],
        model: "Predictor",
        watch: Watch,
        output: str,
        batch_tokens: int | None,
        has_tokens: bool = True,
        documents: bool = False,
        **options: Any,
    ) -> None:
        from ner.inference.batching import BATCH_TOKENS

        self.inputs = inputs
        self.model = model
        self.watch = watch
        self.documents = documents
        self.pipe = partial(model.pipe, batch_tokens=batch_tokens or BATCH_TOKENS, **options)
        for given in inputs:
            given.fields.is_kept = output == "jsonl"
            given.fields.has_tokens = has_tokens
            # The writers of these formats list by themselves which of that they cannot hold.
            given.fields.has_sentences = output in TOOLS

    @property
    def places(self) -> dict[str, bool]:
        """Which places of results are known, as arguments of `tagged_lines` and `class_lines`."""
        skips = any(given.reading.problems is not None for given in self.inputs)
        return {"has_sources": len(self.inputs) > 1, "has_rows": skips}

    def annotate(self, items: "Iterable[str | Sentence]") -> "Iterator[PredictedSentence]":
        """Yield texts with their predictions."""
        return self._as_documents(items) if self.documents else self.pipe(items)

    def _as_documents(self, items: "Iterable[str | Sentence]") -> "Iterator[PredictedSentence]":
        waiting: deque[Sentence] = deque()

        def named() -> "Iterator[Sentence]":
            for number, item in enumerate(items):
                sentence = self.model.read(item) if isinstance(item, str) else item
                waiting.append(sentence)
                name = f"text {number}" if sentence.document is None else sentence.document
                yield sentence.replace(document=name)

        for found in self.pipe(named()):
            yield waiting.popleft().predicted(found.prediction)

    def results(self) -> Iterator[Result | Failure]:
        """Yield the results of all sources in order."""
        for given in self.inputs:
            source = given.name if given.is_file and len(self.inputs) > 1 else None
            problems = given.reading.problems if given.is_file else None
            failures = Failures(given.name, source, problems)
            for burst in bursts(self.model, given, given.items(self.model)):
                for sentence in self.watch(self.annotate(burst)):
                    row = sentence.source.line if problems is not None and sentence.source else None
                    yield from failures.before(row)
                    given.num_replaced += _has_gold(sentence)
                    yield Result(sentence, given.fields, source, row)
                yield from failures.before(None)
            yield from failures.before(None)

    def conll_file(self, given: Input, scheme: Spelling) -> Iterator[str]:
        """Yield the rows of a CoNLL file with predictions at the end, or those of tagged texts."""
        from ner.data.formats.conll import annotate_conll

        def annotate(items: "Iterable[Item]") -> "Iterator[PredictedSentence]":
            tagged = map(self.annotate, bursts(self.model, given, items))
            return self.watch(sentence for burst in tagged for sentence in burst)

        column = self.model.task.column
        if given.format != CONLL:
            return conll_rows(annotate(given.items(self.model)), column, scheme)
        return annotate_conll(
            given.lines,
            annotate,
            given.name,
            scheme,
            columns=given.options(self.model).columns,
            problems=given.reading.problems,
            predicted=column,
            notes=given.fields.notes,
        )


def bursts(
    model: "Predictor", given: Input, items: "Iterable[Element | Skipped]"
) -> "Iterator[Iterator[Element]]":
    """Cut a source where nobody has written more yet, so that all before it is answered.

    Args:
        model: Annotates the items.
        given: The source.
        items: What was read from it.
    """
    from ner.inference.windows import reach_of

    if reach_of(model.members):
        # A sentence waits for those that follow it in its document.
        yield (item for item in items if item is not SKIPPED)
        return
    stream = iter(items)
    for first in stream:
        yield _burst(first, stream, given, model.uses_documents)
        # What is printed arrives before anybody waits for more.
        sys.stdout.flush()


def _burst(
    item: "Element | Skipped",
    stream: "Iterator[Element | Skipped]",
    given: Input,
    uses_documents: bool,
) -> "Iterator[Element]":
    """Yield an item, and those after it that are there already."""
    while item is not SKIPPED:
        yield item
        # A sentence waits for those that follow it in its document, if the model uses them.
        waits = uses_documents and getattr(item, "document", None) is not None
        item = next(stream, SKIPPED) if waits or given.is_ready() else SKIPPED


class Failures:
    """The errors of texts that cannot be read, as rows between those of others.

    Args:
        name: What messages call the source.
        source: What its rows call it, if they do.
        problems: What reading leaves out; its errors become rows if they wait there.
    """

    def __init__(
        self, name: str, source: str | None, problems: "Sequence[DataError] | None"
    ) -> None:
        self._place = re.compile(re.escape(name) + r":(\d+):")
        self._source = source
        self._waiting = problems.waiting if isinstance(problems, SkippedRows) else deque()

    def before(self, row: int | None) -> Iterator[Failure]:
        """Yield those before a row; None for all that there are."""
        while self._waiting:
            message = str(self._waiting[0])
            place = self._place.match(message)
            number = int(place[1]) if place else None
            if row is not None and number is not None and number > row:
                return
            self._waiting.popleft()
            yield Failure(message, self._source, number)


def _has_gold(sentence: "PredictedSentence") -> bool:
    """Whether a sentence was annotated with what the model predicts."""
    found = sentence.prediction
    has_spans = sentence.spans is not None or sentence.allowed is not None
    return (
        (found.spans is not None and has_spans)
        or (found.labels is not None and sentence.labels is not None)
        or any(name in sentence.columns for name in found.columns)
    )
