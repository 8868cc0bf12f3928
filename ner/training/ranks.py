"""Data-parallel training: what processes that train one model together say to each other.

Each process, a rank, takes a part of the sentences of each batch. The ranks add up their gradients,
so that all of them make the same step, and their weights stay bit-identical.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from functools import cache
from itertools import count
from typing import Any, TypeVar

import numpy as np
import torch
import torch.distributed as dist
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor, nn

from ner.errors import ConfigError, NerError, TrainingError, reason
from ner.messages import logger
from ner.nn.runtime import choose_device
from ner.training.identity import differences
from ner.training.launch import Launch, hush, read_launch
from ner.training.weights import sparse_weights

Value = TypeVar("Value")

# A rank answers within a step, or while rank 0 writes a checkpoint; but the others wait for rank 0
# as long as it reads the corpus, or writes the model.
STEP_TIMEOUT, PATIENCE = timedelta(minutes=30), timedelta(days=7)

# Groups that this process was part of: each has its own names in the store.
_numbers = count()


class LostRankError(TrainingError):
    """Another rank does not answer any more."""


class Ranks:
    """A process that trains alone: it shares nothing, and waits for nobody."""

    rank = 0
    count = 1

    @property
    def is_first(self) -> bool:
        """Whether this process speaks and writes for all."""
        return self.rank == 0

    @property
    def number(self) -> int | None:
        """The number of this process among several; None if it is alone."""
        return None if self.count == 1 else self.rank

    def device(self, name: str) -> torch.device:
        """Find the device of this process, see `choose_device`."""
        return choose_device(name)

    @contextmanager
    def in_turn(self) -> Iterator[None]:
        """Run a block on rank 0 first, then on all others, which find what it has written."""
        yield

    def of_first(self, compute: Callable[[], Value]) -> Value:
        """Compute something on rank 0 alone, and return the result on all ranks."""
        return compute()

    def own(self, items: Sequence[Value]) -> Sequence[Value]:
        """Return the items of which this rank takes care."""
        return items

    def put_together(self, results: Sequence[Value]) -> Sequence[Value]:
        """Return the results of all items from those of each rank's `own`."""
        return results

    def greatest(self, number: int) -> int:
        """Return the greatest of the numbers of all ranks."""
        return number

    def total(self, number: int) -> int:
        """Return the sum of the numbers of all ranks."""
        return number

    def check_same(self, describe: Callable[[], Mapping[str, Any]]) -> None:
        """Refuse ranks that have other facts than rank 0, as JSON can hold them.

        Raises:
            ConfigError: A rank has others.
        """

    def copy_from_first(self, model: nn.Module) -> None:
        """Overwrite the weights of a model with those of rank 0."""

    def seed_step(self, seed: int, epoch: int, step: int) -> None:
        """Begin the random numbers of a step; each rank draws others."""

    def part(self, indices: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the examples of a batch that this rank takes, at least one."""
        return indices

    def weigh(self, loss: Float[Tensor, ""], indices: NDArray[np.int64]) -> Float[Tensor, ""]:
        """Weigh the mean loss of this rank's `part`, so that the sum over ranks is the mean."""
        return loss

    def union(self, rows: Int[Tensor, " R"]) -> Int[Tensor, " R"]:
        """Return the rows of all ranks, each once."""
        return rows

    def sum_gradients(self, model: nn.Module, loss: Float[Tensor, ""]) -> Float[Tensor, ""]:
        """Add up the gradients of all ranks, and their losses; return the sum of the losses."""
        return loss


ALONE = Ranks()


class Group(Ranks):
    """Processes that train together, as one of them sees them.

    Args:
        launch: The place of this process among them.
        timeout: How long another rank may take to answer within a step.

    Raises:
        LostRankError: They do not meet.
    """

    def __init__(self, launch: Launch, timeout: timedelta = STEP_TIMEOUT) -> None:
        self.rank, self.count, self._local = launch.rank, launch.count, launch.local_rank
        with self._heard():
            self._store = dist.PrefixStore(f"ner/{next(_numbers)}", _open_store())
            dist.init_process_group(
                "gloo", store=self._store, rank=self.rank, world_size=self.count, timeout=timeout
            )
            self._patient = dist.new_group(backend="gloo", timeout=PATIENCE)
        # Carries gradients.
        self._fast: Any = dist.group.WORLD
        self._timeout = timeout

    @contextmanager
    def _heard(self) -> Iterator[None]:
        """Say in a line that another rank does not answer.

        Raises:
            LostRankError: It does not.
        """
        try:
            yield
        except RuntimeError as error:
            what = re.sub(r"^\[[^]]*\] ", "", reason(error)).partition(". ")[0]
            raise LostRankError(
                f"rank {self.rank}: all {self.count} ranks must train together to the end. Got "
                f"{what!r}. Start all of them again with --resume."
            ) from error

    def device(self, name: str) -> torch.device:
        """Find the device of this rank: the processor, or a GPU that no other rank has.

        Raises:
            ConfigError: There are not as many GPUs, or `name` names one.
        """
        if name not in ("auto", "cpu", "cuda"):
            raise ConfigError(
                "training.device: must be auto, cpu or cuda where several ranks train. Got "
                f"{name!r}."
            )
        device = choose_device(name)
        found = torch.cuda.device_count()
        if device.type == "cuda" and self._local >= found:
            raise ConfigError(
                f"training.device: each rank needs a GPU of its own. Got {found} on the machine of "
                f"rank {self.rank}. Start fewer ranks there, or set it to cpu."
            )
        self.check_same(lambda: {"settings": {"training.device": device.type}})
        if device.type == "cuda":
            device = torch.device("cuda", self._local)
            torch.cuda.set_device(device)
            with self._heard():
                self._fast = dist.new_group(backend="nccl", timeout=self._timeout)
        return device

    @contextmanager
    def in_turn(self) -> Iterator[None]:
        """Run a block on rank 0 first, then on all others, which find what it has written."""
        if not self.is_first:
            self.of_first(lambda: None)
        yield
        if self.is_first:
            self.of_first(lambda: None)

    def of_first(self, compute: Callable[[], Value]) -> Value:
        """Compute something on rank 0 alone, and return the result on all ranks."""
        found: list[Any] = [compute() if self.is_first else None]
        with self._heard():
            dist.broadcast_object_list(found, src=0, group=self._patient)
        return found[0]

    def own(self, items: Sequence[Value]) -> Sequence[Value]:
        """Return the items of which this rank takes care."""
        return items[self.rank :: self.count]

    def put_together(self, results: Sequence[Value]) -> Sequence[Value]:
        """Return the results of all items from those of each rank's `own`."""
        found = self._gather(results)
        together: list[Any] = [None] * sum(map(len, found))
        for rank, each in enumerate(found):
            together[rank :: self.count] = each
        return together

    def _gather(self, value: Value) -> list[Value]:
        """Return the values of all ranks, by rank."""
        found: list[Any] = [None] * self.count
        with self._heard():
            dist.all_gather_object(found, value, group=self._patient)
        return found

    def greatest(self, number: int) -> int:
        """Return the greatest of the numbers of all ranks."""
        return self._reduce(number, dist.ReduceOp.MAX)

    def total(self, number: int) -> int:
        """Return the sum of the numbers of all ranks."""
        return self._reduce(number, dist.ReduceOp.SUM)

    def _reduce(self, number: int, operation: Any) -> int:
        numbers = torch.tensor([number])
        with self._heard():
            dist.all_reduce(numbers, operation)
        return int(numbers)

    def check_same(self, describe: Callable[[], Mapping[str, Any]]) -> None:
        """Refuse ranks that have other facts than rank 0, as JSON can hold them.

        Raises:
            ConfigError: A rank has others.
        """
        first, *others = self._gather(describe())
        for rank, facts in enumerate(others, 1):
            words = dict.fromkeys(words for *_, words in differences(first, facts).values())
            if words:
                raise ConfigError(
                    f"rank {rank}: must have the settings and data of rank 0. Got "
                    f"{'; '.join(words)}."
                )

    def copy_from_first(self, model: nn.Module) -> None:
        """Overwrite the weights of a model with those of rank 0."""
        with self._heard():
            for tensor in model.state_dict().values():
                dist.broadcast(tensor, src=0, group=self._fast)

    def seed_step(self, seed: int, epoch: int, step: int) -> None:
        """Begin the random numbers of a step; each rank draws others."""
        sequence = np.random.SeedSequence([seed, epoch, step, self.rank])
        torch.manual_seed(int(sequence.generate_state(1, np.uint64)[0]))

    def part(self, indices: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the examples of a batch that this rank takes.

        A rank for which none is left takes one that another rank has, without weight, so that it
        takes part in each sum.
        """
        own = indices[self.rank :: self.count]
        return own if len(own) else indices[:1]

    def weigh(self, loss: Float[Tensor, ""], indices: NDArray[np.int64]) -> Float[Tensor, ""]:
        """Weigh the mean loss of this rank's `part`, so that the sum over ranks is the mean."""
        return loss * (len(indices[self.rank :: self.count]) / len(indices))

    def union(self, rows: Int[Tensor, " R"]) -> Int[Tensor, " R"]:
        """Return the rows of all ranks, each once."""
        return torch.cat(self._gather_rows(rows, self._counts(rows))).unique()

    def sum_gradients(self, model: nn.Module, loss: Float[Tensor, ""]) -> Float[Tensor, ""]:
        """Add up the gradients of all ranks, and their losses; return the sum of the losses.

        A weight has no gradient afterwards if it has none on any rank.
        """
        sparse = sparse_weights(model)
        trained = [weight for weight in model.parameters() if weight.requires_grad]
        for weight in trained:
            if id(weight) in sparse:
                self._sum_rows(weight)
        return self._sum_dense([weight for weight in trained if id(weight) not in sparse], loss)

    def _sum_dense(self, weights: Sequence[Tensor], loss: Float[Tensor, ""]) -> Float[Tensor, ""]:
        are_there = [weight.grad is not None for weight in weights]
        gradients = [torch.zeros_like(w) if w.grad is None else w.grad for w in weights]
        flat = torch.cat(
            [*(each.flatten() for each in gradients), loss.new_tensor(are_there), loss[None]]
        )
        with self._heard():
            dist.all_reduce(flat, group=self._fast)
        *sums, counts, total = flat.split([*(each.numel() for each in gradients), len(weights), 1])
        # Only what is missing here asks the device, which takes time, whether others have it.
        anywhere = are_there if all(are_there) else (counts > 0).tolist()
        for weight, is_there, values in zip(weights, anywhere, sums, strict=True):
            weight.grad = values.view_as(weight) if is_there else None
        return total[0]

    def _sum_rows(self, weight: Tensor) -> None:
        """Put the rows of a sparse gradient together, in the order of ranks.

        So each rank adds up the same numbers in the same order.
        """
        rows, values = torch.zeros(0, dtype=torch.int64), weight.new_zeros(0, *weight.shape[1:])
        if weight.grad is not None:
            own = weight.grad.coalesce()
            rows, values = own.indices()[0], own.values()
        counts = self._counts(rows)
        if not sum(counts):
            return
        indices = torch.cat(self._gather_rows(rows, counts))
        gradients = torch.cat(self._gather_rows(values.detach(), counts))
        weight.grad = torch.sparse_coo_tensor(
            indices[None], gradients, weight.shape, check_invariants=False
        ).coalesce()

    def _counts(self, rows: Tensor) -> list[int]:
        """Return the number of rows of each rank."""
        found = [torch.zeros(1, dtype=torch.int64) for _ in range(self.count)]
        with self._heard():
            dist.all_gather(found, torch.tensor([len(rows)]))
        return torch.cat(found).tolist()

    def _gather_rows(self, rows: Tensor, counts: Sequence[int]) -> list[Tensor]:
        """Return the rows of all ranks, by rank."""
        padded = rows.new_zeros(max(counts), *rows.shape[1:])
        padded[: len(rows)] = rows
        found = [torch.empty_like(padded) for _ in counts]
        with self._heard():
            dist.all_gather(found, padded, group=self._fast)
        return [each[:number] for each, number in zip(found, counts, strict=True)]

    def report(self, error: Exception) -> None:
        """Leave word for the other ranks why this one ends."""
        code = 2 if isinstance(error, ConfigError) else 1
        message = str(error) if isinstance(error, NerError | OSError) else repr(error)
        with suppress(RuntimeError):
            self._store.set(str(self.rank), json.dumps([code, message]))

    def reports(self) -> dict[int, tuple[int, str]]:
        """Return the exit code and the words of each rank that has left word."""
        found: dict[int, tuple[int, str]] = {}
        with suppress(RuntimeError):
            for rank in range(self.count):
                if self._store.check([str(rank)]):
                    found[rank] = tuple(json.loads(self._store.get(str(rank))))
        return found

    def leave(self) -> None:
        """End the group, which the other ranks notice if they still need this one."""
        self._fast = self._patient = None
        with suppress(RuntimeError):
            dist.destroy_process_group()


@cache
def _open_store() -> Any:
    """Open the store by which the processes meet; it stays open as long as this process."""
    from torch.distributed.rendezvous import rendezvous  # not in every build of torch

    store, _, _ = next(rendezvous("env://", timeout=STEP_TIMEOUT))
    return store


@contextmanager
def joined(timeout: timedelta = STEP_TIMEOUT) -> Iterator[Ranks]:
    """Meet the other processes that a launcher has started; without any, `ALONE`.

    Only rank 0 logs, and only it raises the mistakes of a user, also those that another rank found.
    The other ranks then exit. If a rank is lost without a word, each of the others says so.

    Raises:
        NerError: A mistake of a user, on any rank.
        LostRankError: Another rank has ended, or does not answer.
        SystemExit: Another rank than 0 ends because of an error.
    """
    launch = read_launch()
    if launch.count == 1:
        yield ALONE
        return
    if not dist.is_available():
        raise ConfigError("WORLD_SIZE: must be 1 where torch has no torch.distributed. Got more.")
    was_disabled = logger.disabled
    hush(launch)
    try:
        group = Group(launch, timeout)
        try:
            yield group
        except LostRankError as error:
            _explain(group, error)
        except (NerError, OSError) as error:
            group.report(error)
            if group.is_first:
                raise
            raise SystemExit(2 if isinstance(error, ConfigError) else 1) from None
        except Exception as error:
            group.report(error)
            raise
        finally:
            group.leave()
    except LostRankError:
        logger.disabled = was_disabled = False
        raise
    finally:
        logger.disabled = was_disabled


def _explain(group: Group, lost: LostRankError) -> None:
    """Raise what is known of the end of another rank.

    Raises:
        NerError: Another rank made it known to rank 0.
        SystemExit: It made it known to another rank.
        LostRankError: Nothing is known.
    """
    for rank, (code, message) in group.reports().items():
        if not group.is_first:
            raise SystemExit(code) from None
        kind = ConfigError if code == 2 else TrainingError
        raise kind(f"rank {rank}: {message}") from None
    raise lost
