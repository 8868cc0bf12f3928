"""Actors of Ray, on this machine or a cluster: one unit each at a time."""

import os
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any

from ner.bulk.attempts import Attempts, Finish
from ner.bulk.units import Unit
from ner.bulk.work import Caution, Done, Job, Message, Rows, attempt
from ner.cores import count_cores
from ner.errors import ConfigError, reason
from ner.extras import require

# Actors that may end before they have tagged a row, one after the other.
MOST_FALSE_STARTS = 3


def run_ray(
    job: Job, units: Iterable[Unit], workers: int | None, address: str | None, finish: Finish
) -> None:
    """Tag units in actors of Ray, each with one core and one thread.

    Ray is started, and ended in the end, if it does not run in this process already.

    Args:
        job: What is the same for all units.
        units: The units.
        workers: The number of actors; None for one on each core that Ray has.
        address: The address of a cluster; None for this machine.
        finish: Called for each unit.

    Raises:
        ConfigError: Ray cannot be reached, or its actors do not start.
        MissingExtraError: The extra `ray` is not installed.
    """
    # Ray would tell its makers how it is used.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    ray = require("ray", "The engine ray", "ray")
    is_running = ray.is_initialized()
    if not is_running:
        _start(ray, workers, address)
    try:
        count = workers or int(ray.cluster_resources().get("CPU", 1))
        _Crew(ray, job, deque(map(Attempts, units)), finish).run(count)
    finally:
        if not is_running:
            ray.shutdown()


def _start(ray: Any, workers: int | None, address: str | None) -> None:
    options: dict[str, Any] = {"address": address}
    if address is None:
        options = {"num_cpus": workers or count_cores(), "include_dashboard": False}
    try:
        ray.init(**options, log_to_driver=False)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise ConfigError(f"address: must be a cluster of Ray. {reason(error)}.") from None


class _Crew:
    """Actors and what they do."""

    def __init__(self, ray: Any, job: Job, waiting: deque[Attempts], finish: Finish) -> None:
        self.ray, self.waiting, self.finish = ray, waiting, finish
        self.job = ray.put(job)
        # A stream stops until each of its messages was taken, so that none is lost when it ends.
        self.actor_class = ray.remote(num_cpus=1, scheduling_strategy="SPREAD")(_Actor)
        self.busy: dict[Any, tuple[Any, Attempts, Rows | None]] = {}
        self.false_starts = 0

    def run(self, count: int) -> None:
        """Work until nothing waits.

        Raises:
            ConfigError: No actor starts.
        """
        for _ in range(min(count, len(self.waiting))):
            self._give(self.actor_class.remote(self.job))
        try:
            while self.busy:
                heard, _ = self.ray.wait(list(self.busy), num_returns=1)
                for stream in heard:
                    self._hear(stream)
        finally:
            for actor, _, _ in self.busy.values():
                self.ray.kill(actor)

    def _give(self, actor: Any) -> None:
        """Give an actor a unit, if one waits."""
        if self.waiting:
            attempts = self.waiting.popleft()
            method = actor.tag.options(_generator_backpressure_num_objects=1)
            self.busy[method.remote(attempts.unit, attempts.caution)] = actor, attempts, None

    def _hear(self, stream: Any) -> None:
        """Take the next message of an actor, or notice that it has ended."""
        actor, attempts, rows = self.busy[stream]
        try:
            message = self.ray.get(next(stream))
        except self.ray.exceptions.RayError as error:
            del self.busy[stream]
            self._after_end(attempts, rows, type(error).__name__)
            return
        self.false_starts = 0
        if isinstance(message, Done):
            del self.busy[stream]
            self.finish(attempts.unit, message.failure)
            self._give(actor)
        else:
            self.busy[stream] = actor, attempts, message

    def _after_end(self, attempts: Attempts, rows: Rows | None, how: str) -> None:
        self.false_starts += rows is None
        if self.false_starts >= MOST_FALSE_STARTS and not self.busy:
            raise ConfigError(f"workers: must be actors of Ray that start. Got {how}.")
        failure = attempts.after_end(rows, how)
        if failure is None:
            self.waiting.append(attempts)
        else:
            self.finish(attempts.unit, failure)
        if self.waiting:
            self._give(self.actor_class.remote(self.job))


class _Actor:
    """Tags units, in a process that Ray starts."""

    def __init__(self, job: Job) -> None:
        self.job = job
        job.open()

    def tag(self, unit: Unit, caution: Caution) -> Iterator[Message]:
        """Tag a unit, see `attempt`."""
        yield from attempt(unit, self.job, caution)
