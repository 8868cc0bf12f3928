"""When jobs are computed: at once, together, or not at all."""

import asyncio
import threading
import time
from dataclasses import dataclass

import pytest

from ner.service.errors import ServiceError
from ner.service.micro_batches import OWN_COST, MicroBatches


@dataclass
class Doubling:
    """A job that doubles a number; it has so many tokens."""

    number: int
    tokens: int = 1
    size: int = 1

    def prepare(self):
        if self.number < 0:
            raise ValueError("negative")
        return self.tokens


class Doubler:
    """Computes jobs when it is let go, and keeps which were computed together, and where."""

    def __init__(self):
        self.batches, self.threads = [], []
        self.is_free = threading.Event()
        self.is_free.set()

    def __call__(self, jobs):
        self.batches.append([job.number for job in jobs])
        self.threads.append(threading.current_thread())
        assert self.is_free.wait(30)
        return [ValueError("thirteen") if j.number == 13 else 2 * j.number for j in jobs]


def run(scenario, **settings):
    """Run a scenario with a doubler and its micro-batches."""
    doubler = Doubler()

    async def call():
        limits = {"batch_tokens": 100, "max_queue": 10, "inline_seconds": 10.0, **settings}
        batches = MicroBatches(doubler, name="doubler", **limits)
        try:
            await scenario(doubler, batches)
        finally:
            doubler.is_free.set()
            batches.close()

    asyncio.run(call())


async def until(condition):
    """Let the loop go on until something holds."""
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        await asyncio.sleep(0.001)


async def occupy(doubler, batches):
    """Keep the thread busy with a job."""
    doubler.is_free.clear()
    batches._seconds_per_character = None  # as before the first measurement: not inline
    busy = asyncio.ensure_future(batches.run(Doubling(0)))
    await until(lambda: doubler.batches and doubler.batches[-1] == [0])
    return busy


def test_a_lone_quick_job_is_computed_at_once_and_without_another_thread():
    async def scenario(doubler, batches):
        assert [await batches.run(Doubling(n)) for n in (1, 2, 3)] == [2, 4, 6]
        assert doubler.batches == [[1], [2], [3]]
        # The first one is measured on the thread.
        assert [t is threading.main_thread() for t in doubler.threads] == [False, True, True]

    run(scenario)


def test_a_quick_job_of_the_only_request_waits_for_nobody():
    async def scenario(doubler, batches):
        assert await batches.run(Doubling(1)) == 2  # is measured
        other = asyncio.ensure_future(batches.run(Doubling(2)))
        assert await batches.run(Doubling(3), is_only=True) == 6
        assert not other.done()
        assert await other == 4
        assert doubler.batches == [[1], [3], [2]]
        for number, error in ((13, "thirteen"), (-1, "negative")):
            with pytest.raises(ValueError, match=error):
                await batches.run(Doubling(number), is_only=True)

    run(scenario)


def test_the_only_request_waits_for_a_model_that_is_busy():
    async def scenario(doubler, batches):
        busy = await occupy(doubler, batches)
        batches._seconds_per_character = 1e-9
        waiting = asyncio.ensure_future(batches.run(Doubling(1), is_only=True))
        await until(lambda: batches.depth == 1)
        doubler.is_free.set()
        assert await asyncio.gather(busy, waiting) == [0, 2]

    run(scenario)


def test_a_job_that_waited_for_its_core_changes_the_pace_little():
    async def scenario(doubler, batches):
        batches._measure(1e-6, [Doubling(1)])
        for _ in range(5):
            batches._measure(1.0, [Doubling(1)])
        assert batches._seconds_per_character * (1 + OWN_COST) < 2e-6

    run(scenario)


def test_a_lone_slow_job_leaves_the_loop_free():
    async def scenario(doubler, batches):
        for number in (1, 2):
            assert await batches.run(Doubling(number, size=10**9)) == 2 * number
        assert threading.main_thread() not in doubler.threads

    run(scenario, inline_seconds=1e-9)


def test_jobs_that_come_together_are_computed_together():
    async def scenario(doubler, batches):
        found = await asyncio.gather(*(batches.run(Doubling(n)) for n in range(5)))
        assert found == [0, 2, 4, 6, 8]
        assert doubler.batches == [[0, 1, 2, 3, 4]]

    run(scenario)


def test_jobs_that_come_while_others_are_computed_form_the_next_batch():
    async def scenario(doubler, batches):
        busy = await occupy(doubler, batches)
        waiting = [asyncio.ensure_future(batches.run(Doubling(n))) for n in (1, 2, 3)]
        await until(lambda: batches.depth == 3)
        doubler.is_free.set()
        assert await busy == 0
        assert await asyncio.gather(*waiting) == [2, 4, 6]
        assert doubler.batches == [[0], [1, 2, 3]]

    run(scenario)


def test_a_batch_takes_no_job_beyond_its_tokens():
    async def scenario(doubler, batches):
        found = await asyncio.gather(*(batches.run(Doubling(n, tokens=40)) for n in range(7)))
        assert found == [2 * n for n in range(7)]
        assert doubler.batches == [[0, 1, 2], [3, 4, 5], [6]]

    run(scenario)


def test_a_job_beyond_the_queue_is_refused_at_once():
    async def scenario(doubler, batches):
        busy = await occupy(doubler, batches)
        waiting = [asyncio.ensure_future(batches.run(Doubling(n))) for n in range(1, 4)]
        await until(lambda: batches.depth == 3)
        begin = time.perf_counter()
        with pytest.raises(ServiceError) as error:
            await batches.run(Doubling(9))
        assert time.perf_counter() - begin < 0.1
        assert (error.value.status, error.value.code) == (429, "queue_full")
        assert int(error.value.headers["Retry-After"]) >= 1
        doubler.is_free.set()
        assert await asyncio.gather(busy, *waiting) == [0, 2, 4, 6]

    run(scenario, max_queue=3)


@pytest.mark.parametrize("number", [pytest.param(13, id="result"), pytest.param(-1, id="tokens")])
def test_a_job_that_fails_spoils_no_other_one(number):
    async def scenario(doubler, batches):
        jobs = (batches.run(Doubling(n)) for n in (1, number, 2))
        first, failed, second = await asyncio.gather(*jobs, return_exceptions=True)
        assert (first, second) == (2, 4)
        assert isinstance(failed, ValueError)

    run(scenario)


def test_a_job_that_nobody_waits_for_is_not_computed():
    async def scenario(doubler, batches):
        busy = await occupy(doubler, batches)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await batches.run(Doubling(1))
        other = asyncio.ensure_future(batches.run(Doubling(2)))
        await until(lambda: batches.depth == 2)
        doubler.is_free.set()
        assert await asyncio.gather(busy, other) == [0, 4]
        assert doubler.batches == [[0], [2]]

    run(scenario)


def test_jobs_that_wait_when_it_closes_are_still_computed():
    async def scenario(doubler, batches):
        busy = await occupy(doubler, batches)
        waiting = asyncio.ensure_future(batches.run(Doubling(1)))
        await until(lambda: batches.depth == 1)
        batches.close()
        doubler.is_free.set()
        assert await asyncio.gather(busy, waiting) == [0, 2]
        thread = doubler.threads[0]
        await until(lambda: not thread.is_alive())

    run(scenario)
