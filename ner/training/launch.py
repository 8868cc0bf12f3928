"""What a launcher, such as torchrun, says in the environment of each process that it starts."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

from ner.errors import ConfigError
from ner.messages import logger


@dataclass(frozen=True)
class Launch:
    """The place of this process among those that train a model together.

    Args:
        rank: Its number, from 0.
        count: The number of processes, on all machines.
        local_rank: Its number among those on this machine.
        is_torchrun: Whether torchrun has started it.
        is_restart: Whether all processes were started again after one of them had ended.
    """

    rank: int = 0
    count: int = 1
    local_rank: int = 0
    is_torchrun: bool = False
    is_restart: bool = False

    @property
    def is_first(self) -> bool:
        """Whether this process speaks and writes for all."""
        return self.rank == 0


def read_launch(environment: Mapping[str, str] = os.environ) -> Launch:
    """Read the place of this process; a process is alone if the environment names no others.

    Raises:
        ConfigError: A number in the environment is none, or is too large.

    Source: https://docs.pytorch.org/docs/stable/elastic/run.html, "Environment Variables".
    """
    if not {"RANK", "WORLD_SIZE", "MASTER_ADDR"} <= environment.keys():
        return Launch()
    count = _number(environment, "WORLD_SIZE", 1)
    rank = _number(environment, "RANK", 0)
    if rank >= count:
        raise ConfigError(f"RANK: must be less than WORLD_SIZE, which is {count}. Got {rank}.")
    return Launch(
        rank,
        count,
        _number(environment, "LOCAL_RANK", 0) if "LOCAL_RANK" in environment else rank,
        "TORCHELASTIC_RUN_ID" in environment,
        environment.get("TORCHELASTIC_RESTART_COUNT", "0") != "0",
    )


def _number(environment: Mapping[str, str], name: str, least: int) -> int:
    text = environment[name]
    if not (text.isascii() and text.isdigit() and int(text) >= least):
        raise ConfigError(f"{name}: must be a whole number from {least}. Got {text!r}.")
    return int(text)


def refuse_several(what: str) -> None:
    """Refuse something that several processes cannot do together.

    Raises:
        ConfigError: There are several.
    """
    count = read_launch().count
    if count > 1:
        raise ConfigError(
            f"{what}: must run in one process, so that it does not share its work. Got WORLD_SIZE "
            f"{count}. Start it without torchrun, or unset WORLD_SIZE."
        )


def hush(launch: Launch) -> None:
    """Let the first process alone log, since the others would log the same."""
    logger.disabled = not launch.is_first
