"""Load a service on this machine, and measure it.

python scripts/load.py steady http://127.0.0.1:8000 --connections 64 --seconds 10
python scripts/load.py compare en
python scripts/load.py overload en
python scripts/load.py soak en
python scripts/load.py drain en -- --max-queue 64

All but the first one start `ner serve` for a model, with the options after `--`, and end it. What
they measure is written as lines of JSON. Texts are those of the sample corpus. The generator has a
share of the same cores, so leave the machine alone while it runs.
"""

import argparse
import asyncio
import contextlib
import itertools
import json
import signal
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from load_client import (
    MOST_CONNECTIONS,
    Address,
    Load,
    closed_loop,
    connect,
    count_statuses,
    make_requests,
    open_loop,
    own_address,
    percentiles,
)

from ner.inference.loading import load
from ner.service.app import make_app
from ner.service.metrics import Metrics
from ner.service.micro_batches import Job, MicroBatches
from ner.service.models import Models, name_models
from ner.service.server import bind, serve, url_of
from ner.service.settings import Settings

# Recovered: so many requests in a row are answered, each in this time or twice the usual one.
IN_A_ROW, QUICK_ENOUGH = 10, 0.05

# Seconds in which a service starts, says what is asked for, or ends.
PATIENCE = 60.0


@dataclass
class Service:
    """A service that runs in a process of its own."""

    process: "subprocess.Popen[str]"
    address: Address


@contextlib.contextmanager
def started(*command: str) -> Iterator[Service]:
    """Start a service that says where it serves, and end it."""
    process = subprocess.Popen(
        [sys.executable, *command], stderr=subprocess.PIPE, text=True, encoding="utf-8"
    )
    assert process.stderr is not None
    try:
        said = []
        for line in process.stderr:
            said.append(line)
            if "Serving on " in line:
                break
        else:
            raise SystemExit(f"The service did not start.\n{''.join(said)}".rstrip())
        copying = threading.Thread(target=lambda: sys.stderr.writelines(process.stderr or ()))
        copying.start()
        url = line.split("Serving on ")[1].split()[0].rstrip(".")
        yield Service(process, own_address(url))
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE)
        copying.join()
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


def ner_serve(options: argparse.Namespace) -> contextlib.AbstractContextManager[Service]:
    """Start `ner serve` with a model."""
    return started("-m", "ner", "serve", options.model, "--port", "0", *options.of_service)


class Inline(MicroBatches):
    """Computes each request alone as soon as it is read: with this, micro-batches are compared."""

    async def run(self, job: Job, *, is_only: bool = False) -> Any:
        """Return the result of a job."""
        job.prepare()
        (outcome,) = self._compute([job])
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


def serve_inline(options: argparse.Namespace) -> None:
    """Serve a model without micro-batches, for `compare`."""
    settings, metrics = Settings(), Metrics()
    models = Models(name_models([options.model]), load, settings, metrics, Inline)
    with bind("127.0.0.1", 0) as listener:
        say = partial(print, f"Serving on {url_of(listener)}.", file=sys.stderr, flush=True)
        serve(make_app(models, settings, metrics), listener, say)


def steady(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Load a running service: a request at a time on each connection."""
    address = own_address(options.url)
    requests = make_requests(options.texts)
    seconds = None if options.requests else options.seconds
    try:
        result = asyncio.run(
            closed_loop(address, requests, options.connections, seconds, options.requests)
        )
    except OSError as error:
        raise SystemExit(f"URL: must be of a service that runs. Got {error}.") from None
    yield {"connections": options.connections, **result.row()}


def compare(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Compare micro-batches with one call at a time, in turns."""
    requests = make_requests(options.texts)
    with ner_serve(options) as batches, started(__file__, "inline", options.model) as inline:
        services = [("micro-batches", batches), ("inline", inline)]
        for connections in options.connections:
            loads: dict[str, list[Load]] = defaultdict(list)
            for i in range(options.rounds + 1):
                for name, service in services if i % 2 else reversed(services):
                    once = closed_loop(service.address, requests, connections, options.seconds)
                    loads[name].append(asyncio.run(once))
            rates = {name: rate_of_rounds(found[1:]) for name, found in loads.items()}
            for name, found in loads.items():  # the first round is a warm-up
                yield {"connections": connections, "service": name, **summary(found[1:])}
            ratio = rates["micro-batches"] / rates["inline"]
            yield {"connections": connections, "micro_batches_to_inline": round(ratio, 3)}


def rate_of_rounds(loads: Sequence[Load]) -> float:
    """Return the median of the rates."""
    return float(np.median([each.rate for each in loads]))


def summary(loads: Sequence[Load]) -> dict[str, Any]:
    """Return several rounds as one, with the median of their rates."""
    total = Load(seconds=sum(each.seconds for each in loads))
    for each in loads:
        for status, times in each.times.items():
            total.times[status] += times
    return total.row() | {"requests_per_second": round(rate_of_rounds(loads), 1)}


def overload(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Send several times as many requests as the service can answer, and wait until it recovers."""
    requests = make_requests(options.texts)
    with ner_serve(options) as service:
        address = service.address
        asyncio.run(closed_loop(address, requests, 8, None, 200))  # a warm-up
        usual = asyncio.run(closed_loop(address, requests, 1, None, 50))
        most = asyncio.run(closed_loop(address, requests, options.connections, options.measure))
        yield {"phase": "capacity", **most.row()}
        result = asyncio.run(
            open_loop(address, requests, options.times * most.rate, options.seconds)
        )
        end = time.perf_counter() - (result.seconds - options.seconds)
        recovered = asyncio.run(recovery(address, requests, max(usual.times[200]), end))
        refused = result.times[429]
        yield {
            "phase": "overload",
            **result.row(),
            "offered_per_second": round(sum(map(len, result.times.values())) / result.seconds, 1),
            "wanted_per_second": round(options.times * most.rate, 1),
            "unsent": result.unsent,
            "share_of_429": round(len(refused) / sum(map(len, result.times.values())), 3),
            "of_429": percentiles(refused),
            "without_retry_after": result.without_retry_after,
        }
        yield {"phase": "recovery", "seconds": recovered}


async def recovery(
    address: Address, requests: Iterator[bytes], usual: float, end: float
) -> float | None:
    """Return after what time requests are answered as usual; None if they are not.

    Args:
        address: The service.
        requests: What to ask.
        usual: The seconds that a request takes at most when there is no load.
        end: When the load ended, in seconds of `time.perf_counter`.
    """
    in_a_row, since = 0, 0.0
    connection = await connect(address)
    while in_a_row < IN_A_ROW and time.perf_counter() - end < PATIENCE:
        sent = time.perf_counter()
        if not connection.is_open:
            connection = await connect(address)
        status = await connection.ask(next(requests))
        is_usual = time.perf_counter() - sent <= max(2 * usual, QUICK_ENOUGH)
        since = since if in_a_row else sent - end
        in_a_row = in_a_row + 1 if status == 200 and is_usual else 0
    connection.close()
    return round(since, 3) if in_a_row == IN_A_ROW else None


def soak(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Send many requests, and look at the memory and the descriptors of the service meanwhile."""
    requests = make_requests(options.texts)
    part = -(-options.requests // options.parts)
    with ner_serve(options) as service:
        yield {"requests_so_far": 0, **resources(service.process.pid)}
        for i in range(options.parts):
            result = asyncio.run(
                closed_loop(service.address, requests, options.connections, None, part)
            )
            time.sleep(0.2)  # until the service has noticed that the connections are closed
            before = (i + 1) * part
            yield {"requests_so_far": before, **resources(service.process.pid), **result.row()}


def resources(pid: int) -> dict[str, Any]:
    """Return the memory and the number of descriptors and threads of a process, on Linux."""
    folder = Path(f"/proc/{pid}")
    if not folder.exists():
        raise SystemExit("soak: must run on Linux. Got a system without /proc.")
    lines = (folder / "status").read_text(encoding="utf-8").splitlines()
    status = dict(line.split(":", 1) for line in lines if ":" in line)
    return {
        "memory_mib": round(int(status["VmRSS"].split()[0]) / 1024, 1),
        "descriptors": len(list((folder / "fd").iterdir())),
        "threads": int(status["Threads"]),
    }


def drain(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """End a service that has requests in flight, and count their answers."""
    with ner_serve(options) as service:
        yield asyncio.run(end_in_flight(service, options))


async def end_in_flight(service: Service, options: argparse.Namespace) -> dict[str, Any]:
    """Send all of each request but its end, end the service, and then send the rest."""
    requests = list(itertools.islice(make_requests(options.texts), options.in_flight))
    connections = [await connect(service.address) for _ in requests]
    asked = list(zip(connections, requests, strict=True))
    statuses = [connection.ask(request[:-1]) for connection, request in asked]
    await until(partial(are_in_flight, service, options.in_flight))
    service.process.send_signal(signal.SIGTERM)
    begin = time.perf_counter()
    await until(partial(is_closed, service))
    for connection, request in asked:
        connection.send(request[-1:])
    found = await asyncio.gather(*statuses)
    code = await asyncio.to_thread(service.process.wait, PATIENCE)
    return {
        "in_flight": options.in_flight,
        "statuses": count_statuses(Counter(found)),
        "exit_code": code,
        "seconds": round(time.perf_counter() - begin, 2),
    }


async def until(condition: Callable[[], Any]) -> None:
    """Wait until a condition holds."""
    async with asyncio.timeout(PATIENCE):
        while not await condition():
            await asyncio.sleep(0.01)


async def are_in_flight(service: Service, count: int) -> bool:
    """Whether the service counts so many requests, besides the one that asks for it."""
    connection = await connect(service.address)
    await connection.ask(b"GET /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n")
    connection.close()
    return f"ner_requests_in_flight {count + 1}.0" in connection.body.decode()


async def is_closed(service: Service) -> bool:
    """Whether the service accepts no connection any more."""
    try:
        (await connect(service.address)).close()
    except OSError:
        return True
    return False


def bounded(kind: type, least: float, most: float) -> Callable[[str], Any]:
    """Return what reads a number between two others."""

    def read(text: str) -> Any:
        if least <= (number := kind(text)) <= most:
            return number
        raise argparse.ArgumentTypeError(f"must be from {least:g} to {most:g}. Got {text}.")

    return read


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line; what comes after `--` is for `ner serve`."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    end = words.index("--") if "--" in words else len(words)
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    modes = parser.add_subparsers(dest="mode", required=True)
    count, seconds = bounded(int, 1, 1_000_000), bounded(float, 0.01, 300)
    connections = bounded(int, 1, MOST_CONNECTIONS)

    def add(
        function: Callable[[argparse.Namespace], Any], name: str, texts: int
    ) -> argparse.ArgumentParser:
        mode = modes.add_parser(name, help=(function.__doc__ or "").splitlines()[0])
        mode.set_defaults(run=function)
        mode.add_argument("--texts", type=count, default=texts, help="of a request (%(default)s)")
        if function is not steady:
            mode.add_argument("model", help="what to serve")
        return mode

    mode = add(steady, "steady", 1)
    mode.add_argument("url", help="address of a service on this machine")
    mode.add_argument("--connections", type=connections, default=8)
    mode.add_argument("--seconds", type=seconds, default=10.0)
    mode.add_argument("--requests", type=count, help="send so many, however long it takes")
    mode = add(compare, "compare", 1)
    mode.add_argument("--connections", type=connections, nargs="+", default=[1, 8, 64])
    mode.add_argument("--seconds", type=seconds, default=5.0, help="of a round (%(default)s)")
    mode.add_argument("--rounds", type=count, default=3, help="after a warm-up (%(default)s)")
    mode = add(overload, "overload", 16)
    mode.add_argument("--times", type=bounded(float, 1, 10), default=4.0, help="of the capacity")
    mode.add_argument("--seconds", type=seconds, default=20.0)
    mode.add_argument("--connections", type=connections, default=64, help="for the capacity")
    mode.add_argument("--measure", type=seconds, default=5.0, help="seconds for the capacity")
    mode = add(soak, "soak", 1)
    mode.add_argument("--requests", type=count, default=20_000)
    mode.add_argument("--parts", type=count, default=10, help="looks at the service (%(default)s)")
    mode.add_argument("--connections", type=connections, default=8)
    mode = add(drain, "drain", 16)
    mode.add_argument("--in-flight", type=connections, default=50)
    mode = modes.add_parser("inline", help=(serve_inline.__doc__ or "").splitlines()[0])
    mode.set_defaults(run=serve_inline)
    mode.add_argument("model")
    options = parser.parse_args(words[:end])
    options.of_service = words[end + 1 :]
    if options.of_service and options.run in (steady, compare):
        parser.error("-- OPTIONS are for overload, soak and drain.")
    return options


def main(arguments: Sequence[str] | None = None) -> None:
    """Load a service, and print lines of JSON."""
    options = parse(arguments)
    for row in options.run(options) or ():
        print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
