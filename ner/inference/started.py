"""Work that threads do while the one that started it reads and writes."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

from ner.data.sentence import PredictedSentence, Sentence
from ner.data.sentence_splitter import FindStarts, cut_sentence, join_texts

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

Item = TypeVar("Item")
Result = TypeVar("Result")
Other = TypeVar("Other")


class Started(NamedTuple, Generic[Result]):
    """Work that was started.

    Args:
        finish: Waits for the work, or does it, and returns its result.
        futures: What threads do of it; empty if nothing is done before `finish`.
    """

    finish: Callable[[], Result]
    futures: "Sequence[Future[Any]]" = ()

    def then(self, change: Callable[[Result], Other]) -> "Started[Other]":
        """Return the work whose result is that of `change`, which is called by `finish`."""
        return Started(lambda: change(self.finish()), self.futures)

    def cancel(self) -> None:
        """Leave out what no thread has begun."""
        for future in self.futures:
            future.cancel()


# Starts to tag the sentences of a window.
Start = Callable[[list[Sentence]], Started[list[PredictedSentence]]]


def start_later(tag: Callable[[list[Sentence]], list[PredictedSentence]]) -> Start:
    """Return a `Start` that does nothing before somebody waits for the results."""
    return lambda sentences: Started(partial(tag, sentences))


def start_in_sentences(
    texts: Iterable[Sentence], find_starts: FindStarts, start: Start
) -> Started[list[PredictedSentence]]:
    """Start to tag each sentence of a text alone."""
    cut = [(text, cut_sentence(text, find_starts(text.text))) for text in texts]
    work = start([sentence for _, sentences in cut for sentence in sentences])
    return work.then(partial(join_texts, cut))


class Threads:
    """Threads of one process, which begin when there is work and stay for what follows.

    A copy in another process has threads of its own.

    Args:
        count: The number of threads.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self._pool: tuple[int, ThreadPoolExecutor | None] = 0, None

    def __reduce__(self) -> tuple[Any, ...]:
        return Threads, (self.count,)

    def start(self, call: Callable[[Item], Result], items: Iterable[Item]) -> Started[list[Result]]:
        """Start to call a function with each item."""
        from concurrent.futures import ThreadPoolExecutor  # one text alone needs no threads

        process, pool = self._pool
        if pool is None or process != os.getpid():  # no thread survives a fork
            pool = ThreadPoolExecutor(self.count, "ner")
            self._pool = os.getpid(), pool
        futures = [pool.submit(call, item) for item in items]
        return Started(lambda: _results(futures), futures)


def _results(futures: Sequence["Future[Result]"]) -> list[Result]:
    try:
        return [future.result() for future in futures]
    finally:
        for future in futures:
            future.cancel()


def results_in_turn(works: Iterator[Started[list[Result]]]) -> Iterator[Result]:
    """Yield the results of works in order; while threads do one, the next is read and started.

    If that fails, the results of the one before come first.
    """
    begun: list[Started[list[Result]]] = []
    try:
        while True:
            try:
                following = next(works, None)
            except Exception:
                for work in begun:
                    yield from work.finish()
                raise
            if following is not None:
                begun.append(following)
            # What no thread does is done at once: nobody waits for what is not read yet.
            while begun and (following is None or len(begun) > 1 or not begun[0].futures):
                yield from begun[0].finish()
                del begun[0]
            if following is None:
                return
    finally:
        for work in begun:
            work.cancel()
