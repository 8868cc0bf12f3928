"""Runs a function in several processes that train together, as torchrun starts them."""

import multiprocessing
import os
import traceback
from datetime import timedelta
from functools import cache

import torch
import torch.distributed as dist

PATIENCE = timedelta(seconds=60)
FORK = multiprocessing.get_context("fork") if hasattr(os, "fork") else None


def in_ranks(function, *arguments, count=2, **environment):
    """Call `function(rank, *arguments)` in each process, and return the results by rank.

    A result is what the function returns, or the exit code or the error by which it ends; None for
    a process that was killed.
    """
    _warm_up()
    # The store outlives the processes, as that of torchrun does.
    store = dist.TCPStore("127.0.0.1", 0, None, True, PATIENCE, wait_for_workers=False)
    begun = []
    for rank in range(count):
        place = {
            "RANK": rank,
            "LOCAL_RANK": rank,
            "WORLD_SIZE": count,
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": store.port,
            "TORCHELASTIC_USE_AGENT_STORE": True,
            **environment,
        }
        here, there = FORK.Pipe(duplex=False)
        process = FORK.Process(target=_call, args=(there, place, function, rank, *arguments))
        process.start()
        there.close()
        begun.append((process, here))
    return [_result(process, here) for process, here in begun]


@cache
def _warm_up():
    """Let torch import here what the first step of an optimizer needs, not in each process."""
    optimizer = torch.optim.AdamW([torch.nn.Parameter(torch.ones(1))])
    optimizer.step()
    optimizer.zero_grad()


def _call(connection, place, function, *arguments):
    os.environ.update({name: str(value) for name, value in place.items()})
    torch.set_num_threads(1)
    try:
        result = function(*arguments)
    except SystemExit as end:
        result = end.code
    except BaseException as error:
        traceback.print_exc()
        result = error
    connection.send(result)


def _result(process, connection):
    try:
        return connection.recv()
    except EOFError:
        return None
    finally:
        process.join(PATIENCE.total_seconds())
