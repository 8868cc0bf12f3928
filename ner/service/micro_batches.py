"""Micro-batches: what waits for a model is computed together, and nothing waits for company.

A job that comes while the model is idle is computed at once. Jobs that come while it is busy wait;
when it is free, it takes as many of them together as a batch may have. Under little load no job
waits, and under much load batches are large, which costs less for each job.

A quick job of the only request that there is does not even wait for others of the same moment.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol

from ner.service.errors import queue_full


class Job(Protocol):
    """A part of a request that a model computes."""

    @property
    def size(self) -> int:
        """The number of characters, from which the time that it takes is expected."""
        ...

    def prepare(self) -> int:
        """Do what each job needs for itself; returns its number of tokens."""
        ...


@dataclass
class Waiting:
    """A job, and who waits for its result."""

    job: Any
    future: asyncio.Future[Any]
    outcome: Any = None


# Computes the results of jobs, in order; an exception in place of a result is raised for that job.
Compute = Callable[[Sequence[Any]], Sequence[Any]]

# The share of a new measurement in the expected time of a character.
NEWEST = 0.1

# A measurement counts as so many times the expected one at most.
MOST_TIMES = 2.0

# What a job costs besides its characters, as a number of characters.
OWN_COST = 50


class MicroBatches:
    """Runs jobs on one thread, in the order in which they come.

    All methods but the computation are called on the thread of one event loop.

    Args:
        compute: Computes the results of jobs.
        name: The name of the thread.
        batch_tokens: As in `ner.service.settings.Settings`, like the following ones.
        max_queue: See there.
        inline_seconds: See there.
        watch: Called with the number of jobs of each batch, and the number of its tokens.
    """

    def __init__(
        self,
        compute: Compute,
        *,
        name: str,
        batch_tokens: int,
        max_queue: int,
        inline_seconds: float,
        watch: Callable[[int, int], None] = lambda jobs, tokens: None,
    ) -> None:
        self._compute, self._watch = compute, watch
        self._batch_tokens, self._max_queue = batch_tokens, max_queue
        self._inline_seconds = inline_seconds
        self._waiting: deque[Waiting] = deque()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._is_busy = self._is_closing = False
        self._seconds_per_character: float | None = None

    @property
    def depth(self) -> int:
        """The number of jobs that wait."""
        return len(self._waiting)

    @property
    def is_full(self) -> bool:
        """Whether a further job would be refused."""
        return len(self._waiting) >= self._max_queue

    async def run(self, job: Job, *, is_only: bool = False) -> Any:
        """Return the result of a job.

        Args:
            job: The job.
            is_only: Whether no further job can have come at the same moment.

        Raises:
            ServiceError: Too many jobs wait already.
        """
        if is_only and not self._is_busy and self._is_quick(job):
            return self._run_alone(job)
        if self.is_full:
            raise queue_full()
        loop = asyncio.get_running_loop()
        waiting = Waiting(job, loop.create_future())
        self._waiting.append(waiting)
        if not self._is_busy:
            self._is_busy = True
            # Requests that came at the same moment have their turn first, and join the batch.
            loop.call_soon(self._start)
        return await waiting.future

    def close(self) -> None:
        """End the thread when all jobs are done."""
        self._is_closing = True
        if not self._is_busy:
            self._thread.shutdown(wait=False)

    def _start(self) -> None:
        """Compute what waits: one quick job at once, all else on the thread."""
        if not self._waiting:
            self._is_busy = False
            if self._is_closing:
                self._thread.shutdown(wait=False)
            return
        if len(self._waiting) == 1 and self._is_quick(self._waiting[0].job):
            self._deliver(self._run_batch())
            self._start()
            return
        loop = asyncio.get_running_loop()
        running = loop.run_in_executor(self._thread, self._run_batch)
        running.add_done_callback(self._continue)

    def _continue(self, running: "asyncio.Future[list[Waiting]]") -> None:
        self._deliver(running.result())
        # Those who were answered may come again, as may others: they join the next batch.
        asyncio.get_running_loop().call_soon(self._start)

    def _is_quick(self, job: Job) -> bool:
        pace = self._seconds_per_character
        return pace is not None and pace * (job.size + OWN_COST) < self._inline_seconds

    def _run_alone(self, job: Job) -> Any:
        """Compute the result of a job, and do nothing else meanwhile."""
        begin = time.perf_counter()
        tokens = job.prepare()
        (outcome,) = self._compute([job])
        self._measure(time.perf_counter() - begin, [job])
        self._watch(1, tokens)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def _run_batch(self) -> list[Waiting]:
        """Take jobs until they have the tokens of a batch, and compute their results."""
        begin = time.perf_counter()
        batch: list[Waiting] = []
        tokens = 0
        while self._waiting and tokens < self._batch_tokens:
            waiting = self._waiting.popleft()
            if waiting.future.cancelled():  # nobody waits for it any more
                continue
            batch.append(waiting)
            try:
                tokens += waiting.job.prepare()
            except Exception as error:
                waiting.outcome = error
        ready = [waiting for waiting in batch if waiting.outcome is None]
        jobs = [waiting.job for waiting in ready]
        try:
            outcomes = self._compute(jobs) if jobs else []
        except Exception as error:
            outcomes = [error] * len(jobs)
        for waiting, outcome in zip(ready, outcomes, strict=True):
            waiting.outcome = outcome
        if jobs:
            self._measure(time.perf_counter() - begin, jobs)
            self._watch(len(jobs), tokens)
        return batch

    def _measure(self, seconds: float, jobs: Sequence[Job]) -> None:
        pace = seconds / sum(job.size + OWN_COST for job in jobs)
        old = self._seconds_per_character or pace
        # A thread that had to wait for its core says little about jobs.
        pace = min(pace, MOST_TIMES * old)
        self._seconds_per_character = old + NEWEST * (pace - old)

    def _deliver(self, batch: Sequence[Waiting]) -> None:
        for waiting in batch:
            if waiting.future.done():
                continue
            if isinstance(waiting.outcome, Exception):
                waiting.future.set_exception(waiting.outcome)
            else:
                waiting.future.set_result(waiting.outcome)
