"""Several processes that train one model: the same weights in all, as if there were one."""

import os
import signal
from datetime import timedelta

import numpy as np
import pytest
import torch
from torch import nn

from ner.errors import ConfigError
from ner.training.checkpoint import newest_checkpoint, save_checkpoint
from ner.training.launch import Launch, read_launch
from ner.training.optimizers import LazyAdam, build_optimizers
from ner.training.ranks import ALONE, LostRankError, joined
from ner.training.trainer import NonFiniteLossError, Trainer
from tests.training.rank_processes import FORK, in_ranks

pytestmark = [
    pytest.mark.skipif(FORK is None, reason="needs a system with fork"),
    pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning"),
]
RECORD = {"identity": {}, "history": []}


class Pairs:
    """Batches of pairs of rows to score; each epoch ends with a batch of one pair."""

    def plan(self, epoch):
        order = np.random.default_rng([5, epoch]).permutation(31)
        return [order[:5], order[5:12], order[12:14], order[14:30], order[30:]]

    def batch(self, epoch, step, indices):
        return {
            "rows": np.stack([indices % 13, indices * 7 % 40], axis=1),
            "scores": np.sin(indices).astype(np.float32),
            "lengths": np.full(len(indices), 2),
        }


class Scorer(nn.Module):
    def __init__(self, dropout):
        super().__init__()
        self.table = nn.Embedding(40, 6, sparse=True)
        self.layers = nn.Sequential(nn.Dropout(dropout), nn.Linear(12, 1))
        self.unused = nn.Parameter(torch.ones(3))

    def loss(self, batch):
        found = self.layers(self.table(batch["rows"]).flatten(1))[:, 0]
        return (found - batch["scores"]).square().mean()


def make_trainer(ranks, dropout=0.0, optimizer="adamw", **settings):
    torch.manual_seed(3)
    model = Scorer(dropout)
    optimizers = build_optimizers(
        model, name=optimizer, learning_rate=0.05, weight_decay=0.1, ranks=ranks
    )
    settings = {"epochs": 3, "metric": "size", "ema": 0.9} | settings
    return Trainer(model, Pairs(), size_of, optimizers, ranks=ranks, seed=8, **settings)


def size_of(model):
    return {"size": model.table.weight.square().mean().item()}


def state(trainer):
    """Return everything that training changes, as bytes by name."""
    tensors = {**trainer.model.state_dict()}
    tensors |= {f"average {i}": each for i, each in enumerate(trainer.average.averages)}
    tensors |= {f"logs {i}": each for i, each in trainer.average.row_logs.items()}
    tensors |= {f"best {name}": each for name, each in trainer.best_weights.items()}
    for k, optimizer in enumerate(trainer.optimizers):
        for i, facts in enumerate(optimizer.state.values()):
            found = {name: v for name, v in facts.items() if isinstance(v, torch.Tensor)}
            tensors |= {f"optimizer {k} {i} {name}": v for name, v in found.items()}
    return {name: tensor.detach().numpy().copy() for name, tensor in tensors.items()}


def train(rank, settings, steps=None, folder=None):
    """Train from the checkpoint in a folder, if there is one; return the state at the end."""
    with joined() as ranks:
        trainer = make_trainer(ranks, **settings)
        checkpoint = newest_checkpoint(folder) if folder else None
        if checkpoint is not None:
            checkpoint.restore(trainer)
        for number, _ in enumerate(trainer.run(), 1):
            if number == steps:
                if folder is not None:
                    save_checkpoint(folder, trainer, RECORD)
                break
        return state(trainer), trainer.state.loss_sum


def same(one, other):
    return one.keys() == other.keys() and all(one[k].tobytes() == other[k].tobytes() for k in one)


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
@pytest.mark.parametrize("count", [2, 3])
def test_all_ranks_have_the_same_state_bit_for_bit(optimizer, count):
    settings = {"dropout": 0.4, "optimizer": optimizer}
    (first, _), *others = in_ranks(train, settings, count=count)
    assert all(same(first, other) for other, _ in others)


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_without_dropout_ranks_find_what_one_process_finds(optimizer):
    found, *_ = in_ranks(train, {"optimizer": optimizer}, 17)
    expected = train(0, {"optimizer": optimizer}, 17)
    difference = {k: abs(found[0][k] - expected[0][k]).max() for k in expected[0]}
    assert max(difference.values()) < 1e-5, difference
    assert found[1] == pytest.approx(expected[1], rel=1e-6)


def test_ranks_draw_other_random_numbers_and_the_same_ones_again():
    def draw(rank):
        with joined() as ranks:
            numbers = []
            for step in (0, 1, 0):
                ranks.seed_step(8, 2, step)
                numbers.append(torch.rand(1).item())
            return numbers

    (a, b, again), (c, d, _) = in_ranks(draw)
    assert a == again
    assert len({a, b, c, d}) == 4


@pytest.mark.parametrize("steps", [3, 6])
def test_a_resumed_run_of_several_ranks_equals_an_uninterrupted_one(tmp_path, steps):
    settings = {"dropout": 0.4}
    (expected, loss), _ = in_ranks(train, settings)
    in_ranks(train, settings, steps, tmp_path)
    for found, again in in_ranks(train, settings, None, tmp_path):
        assert same(found, expected)
        assert again == loss


def test_a_loss_that_is_not_a_number_on_one_rank_stops_all():
    def diverge(rank):
        with joined() as ranks:
            trainer = make_trainer(ranks)
            if rank == 1:
                trainer.model.loss = lambda batch: Scorer.loss(trainer.model, batch) * torch.nan
            try:
                next(trainer.run())
            except NonFiniteLossError as error:
                return error.indices.tolist()

    assert in_ranks(diverge) == [Pairs().plan(0)[0].tolist()] * 2


def test_a_gradient_that_one_rank_lacks_is_that_of_the_others():
    def add(rank):
        with joined() as ranks:
            model = Scorer(0.0)
            if rank == 1:
                model.layers[1].bias.grad = torch.tensor([2.0])
                model.table(torch.tensor([4, 9, 4])).sum().backward()
            else:
                model.table(torch.tensor([9])).sum().backward()
            loss = ranks.sum_gradients(model, torch.tensor(1.5 + rank))
            rows = model.table.weight.grad
            bias = model.layers[1].bias.grad.tolist()
            others = [model.layers[1].weight.grad, model.unused.grad]
            return (
                loss.item(),
                bias,
                rows.indices()[0].tolist(),
                rows.values()[:, 0].tolist(),
                others,
            )

    assert in_ranks(add) == [(4.0, [2.0], [4, 9], [2.0, 2.0], [None, None])] * 2


def test_a_table_that_no_rank_looked_up_has_no_gradient():
    def add(rank):
        with joined() as ranks:
            model = Scorer(0.0)
            ranks.sum_gradients(model, torch.tensor(0.0))
            return model.table.weight.grad

    assert in_ranks(add) == [None, None]


def test_a_batch_is_divided_and_nobody_is_left_without_a_sentence():
    def divide(rank, indices):
        with joined() as ranks:
            part = ranks.part(np.array(indices)).tolist()
            return part, ranks.weigh(torch.tensor(1.0), np.array(indices)).item()

    thirds = [([7, 5], 0.5), ([8], 0.25), ([9], 0.25)]
    assert in_ranks(divide, [7, 8, 9, 5], count=3) == thirds
    assert in_ranks(divide, [7, 8], count=3) == [([7], 0.5), ([8], 0.5), ([7], 0.0)]


def test_rows_that_any_rank_looks_up_are_caught_up_on_all():
    def look_up(rank):
        with joined() as ranks:
            table = nn.Embedding(6, 2, sparse=True)
            optimizer = LazyAdam([{"params": [table.weight]}], [table], lr=0.1, ranks=ranks)
            for _ in range(2):
                optimizer.step()
            table(torch.tensor([[rank, 3]]))
            return optimizer.state[table.weight]["last"].tolist()

    assert in_ranks(look_up) == [[2, 2, 0, 2, 0, 0]] * 2


def test_work_is_shared_and_put_together_in_order():
    def work(rank):
        with joined() as ranks:
            words = ranks.put_together([f"{rank}{item}" for item in ranks.own("abcde")])
            numbers = ranks.total(rank + 1), ranks.greatest(rank)
            return words, numbers, ranks.of_first(lambda: rank), ranks.number

    together = ["0a", "1b", "0c", "1d", "0e"]
    assert in_ranks(work) == [(together, (3, 1), 0, rank) for rank in range(2)]
    assert (ALONE.own("abc"), ALONE.total(4), ALONE.number) == ("abc", 4, None)


def test_rank_0_works_before_the_others(tmp_path):
    def work(rank):
        with joined() as ranks, ranks.in_turn():
            (tmp_path / str(rank)).touch()
            return (tmp_path / "0").exists() and ((tmp_path / "1").exists() or rank == 0)

    assert in_ranks(work) == [True, True]


def test_weights_begin_as_those_of_rank_0():
    def begin(rank):
        with joined() as ranks:
            torch.manual_seed(rank)
            model = nn.Linear(3, 2)
            ranks.copy_from_first(model)
            return model.weight.tolist()

    one, other = in_ranks(begin)
    assert one == other


def test_other_facts_on_a_rank_are_named_by_rank_0():
    def compare(rank):
        with joined() as ranks:
            ranks.check_same(
                lambda: {"settings": {"seed": rank}, "data": {"train": f"a{rank % 2}"}}
            )

    error, code = in_ranks(compare)
    assert (type(error), code) == (ConfigError, 2)
    assert str(error) == (
        "rank 1: must have the settings and data of rank 0. Got seed 1 instead of 0; "
        "other content of train data."
    )


def test_an_error_on_one_rank_is_raised_by_rank_0_alone():
    def fail(rank):
        with joined() as ranks:
            if rank == 1:
                raise ConfigError("a.conll: no such file.")
            ranks.total(1)

    error, *codes = in_ranks(fail, count=3)
    assert (type(error), str(error), codes) == (
        ConfigError,
        "rank 1: a.conll: no such file.",
        [2, 2],
    )


def test_a_rank_that_is_killed_is_missed_by_each_other_one():
    def die(rank):
        with joined() as ranks:
            ranks.total(1)
            if rank == 1:
                os.kill(os.getpid(), signal.SIGKILL)
            ranks.total(1)

    zero, one, two = in_ranks(die, count=3)
    assert one is None
    for rank, error in ((0, zero), (2, two)):
        assert type(error) is LostRankError
        assert str(error).startswith(
            f"rank {rank}: all 3 ranks must train together to the end. Got"
        )
        assert str(error).endswith("Start all of them again with --resume.")


def test_a_rank_that_does_not_answer_is_missed_after_a_while():
    over = FORK.Event()

    def hang(rank):
        with joined(timeout=timedelta(seconds=1)) as ranks:
            if rank == 1:
                over.wait(30)
                return
            try:
                ranks.total(1)
            finally:
                over.set()

    error, _ = in_ranks(hang)
    assert type(error) is LostRankError
    assert "Timed out" in str(error)


def test_one_process_may_train_twice():
    def twice(rank):
        sums = []
        for _ in range(2):
            with joined() as ranks:
                sums.append(ranks.total(1))
        return sums

    assert in_ranks(twice) == [[2, 2]] * 2


def test_each_rank_has_a_gpu_of_its_own(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)

    def choose(rank, name):
        with joined() as ranks:
            return ranks.device(name)

    assert in_ranks(choose, "cpu") == [torch.device("cpu")] * 2
    for name, words in (
        ("auto", "rank 1: training.device: each rank needs a GPU of its own. Got 1 on the machine"),
        ("cuda:0", "training.device: must be auto, cpu or cuda where several ranks train. Got"),
    ):
        error, code = in_ranks(choose, name)
        assert str(error).startswith(words)
        assert code == 2


PLACE = {"RANK": "1", "WORLD_SIZE": "4", "MASTER_ADDR": "host"}


@pytest.mark.parametrize(
    ("environment", "launch"),
    [
        pytest.param({}, Launch(), id="nothing"),
        pytest.param({"RANK": "1", "WORLD_SIZE": "4"}, Launch(), id="no address"),
        pytest.param(PLACE | {"RANK": "0", "WORLD_SIZE": "1"}, Launch(), id="one process"),
        pytest.param(PLACE, Launch(1, 4, 1), id="no local rank"),
        pytest.param(
            PLACE
            | {
                "LOCAL_RANK": "0",
                "TORCHELASTIC_RUN_ID": "none",
                "TORCHELASTIC_RESTART_COUNT": "2",
            },
            Launch(1, 4, 0, is_torchrun=True, is_restart=True),
            id="torchrun",
        ),
    ],
)
def test_the_place_of_a_process_is_read(environment, launch):
    assert read_launch(environment) == launch


@pytest.mark.parametrize(
    ("change", "words"),
    [
        pytest.param({"RANK": "x"}, "RANK: must be a whole number from 0. Got 'x'.", id="a word"),
        pytest.param(
            {"RANK": "4"}, "RANK: must be less than WORLD_SIZE, which is 4. Got 4.", id="4"
        ),
        pytest.param(
            {"WORLD_SIZE": "0"}, "WORLD_SIZE: must be a whole number from 1. Got '0'.", id="zero"
        ),
    ],
)
def test_an_impossible_place_is_refused(change, words):
    with pytest.raises(ConfigError) as error:
        read_launch(PLACE | change)
    assert str(error.value) == words
