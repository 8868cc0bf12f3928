"""`ner train` under torchrun: what it prints and writes, and what is left when a rank ends."""

import json
import os
import signal
from functools import partial
from itertools import islice

import pytest
from safetensors.numpy import load_file
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

import ner
from ner.cli import main
from ner.training import train as train_module
from ner.training.trainer import Step
from tests.training.rank_processes import FORK, in_ranks

pytestmark = [
    pytest.mark.skipif(FORK is None, reason="needs a system with fork"),
    pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning"),
]
SETTINGS = {
    "words.size": 400,  # so large that its gradients are sparse
    "characters.size": 4,
    "characters.output_size": 8,
    "affixes.rows": 64,
    "encoder.size": 8,
    "training.epochs": 2,
    "training.batch_size": 4,
    "training.device": "cpu",
    "training.threads": 1,
    "training.export": "false",
    "training.checkpoint_minutes": 1e-9,  # after each step
}
OPTIONS = [word for name, value in SETTINGS.items() for word in ("--set", f"{name}={value}")]
# What torchrun sets, beside the place of a process.
TORCHRUN = {"TORCHELASTIC_RUN_ID": "none"}


def command(rank, *words, event=lambda event: None):
    """Run `ner` with some words, and call a function at each event of a training."""
    train_module.run_training = partial(REAL, callbacks=[event])
    main([str(word) for word in words])


REAL = train_module.run_training


@pytest.fixture(scope="module", autouse=True)
def imported():
    """Import what each process would import by itself otherwise, which takes seconds."""
    for name in ("matplotlib.pyplot", "datasets", "seqeval.metrics", *MODULES):
        pytest.importorskip(name)


MODULES = [
    f"ner.{name}"
    for name in ("exporting.model", "training.crossweigh", "training.event_file", "training.seeds")
]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Write 13 sentences: the last of 4 batches has one, so that nothing is left for rank 1."""
    folder = tmp_path_factory.mktemp("data")
    for split, count in (("train", 13), ("dev", 3)):
        sentences = (s for s in ner.read_sentences(f"sample:{split}") if s.spans and len(s) < 20)
        rows = [
            "".join(f"{token} {tag}\n" for token, tag in zip(s.tokens, s.tags("BIO"), strict=True))
            for s in islice(sentences, count)
        ]
        (folder / f"{split}.conll").write_text("\n".join(rows), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def train(data):
    """Return a function that trains in two ranks, and returns their exit codes."""
    named = ["--train", data / "train.conll", "--dev", data / "dev.conll"]

    def call(out, *options, event=lambda event: None, **environment):
        words = ["train", "--out", out, *(() if "--resume" in options else (*named, *OPTIONS))]
        function = partial(command, event=event)
        return in_ranks(function, *words, *options, **TORCHRUN, **environment)

    return call


@pytest.fixture(scope="module")
def undisturbed(train, tmp_path_factory):
    """Train in two ranks without any interruption; returns the folder of the run."""
    folder = tmp_path_factory.mktemp("undisturbed") / "run"
    assert train(folder) == [0, 0]
    return folder


def weights(folder):
    return {k: v.tobytes() for k, v in load_file(folder / "model/model.safetensors").items()}


def kill_rank_1(event):
    """Kill a rank in the first epoch, but not again after a restart."""
    is_first_start = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0") == "0"
    if os.environ["RANK"] == "1" and isinstance(event, Step) and event.step == 2 and is_first_start:
        os.kill(os.getpid(), signal.SIGKILL)


def test_rank_0_alone_prints_and_writes(train, tmp_path, capfd):
    assert train(tmp_path / "run") == [0, 0]
    out, err = capfd.readouterr()
    assert out.count("Trained in") == 1
    assert err.count("epoch   1  loss ") == 1
    assert ", on cpu, 2 ranks\n" in err
    rows = [json.loads(x) for x in (tmp_path / "run/metrics.jsonl").read_text().splitlines()]
    assert [row["epoch"] for row in rows] == [1, 2]
    assert json.loads((tmp_path / "run/run.json").read_text())["ranks"] == 2
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_a_corpus_on_the_disk_is_encoded_once_for_all_ranks(train, undisturbed, tmp_path):
    assert train(tmp_path / "run", "--set", "data.storage=disk") == [0, 0]
    assert weights(tmp_path / "run") == weights(undisturbed)


def test_after_a_rank_was_killed_all_go_on_to_the_same_weights(train, undisturbed, tmp_path, capfd):
    assert train(tmp_path / "run", event=kill_rank_1) == [1, None]
    line = capfd.readouterr().err.splitlines()[-1]
    assert line.startswith("rank 0: all 2 ranks must train together to the end. Got ")
    assert train(tmp_path / "run", "--resume") == [0, 0]
    assert "Resumed from" in capfd.readouterr().err
    assert weights(tmp_path / "run") == weights(undisturbed)


def test_torchrun_starts_all_ranks_again(data, undisturbed, tmp_path):
    words = ["train", "--train", data / "train.conll", "--dev", data / "dev.conll", *OPTIONS]
    launch = LaunchConfig(
        run_id="ner",
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=2,
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        start_method="fork",
        max_restarts=1,
        monitor_interval=0.1,
    )
    arguments = (*words, "--out", tmp_path / "run")
    launcher = FORK.Process(target=elastic_launch(launch, survive), args=arguments)
    launcher.start()
    launcher.join(60)
    assert launcher.exitcode == 0
    assert weights(tmp_path / "run") == weights(undisturbed)


def survive(*words):
    """Train; the process of a function that torchrun runs fails if it exits."""
    try:
        command(0, *words, event=kill_rank_1)
    except SystemExit as end:
        if end.code:
            raise RuntimeError(end.code) from None


def test_a_signal_to_one_rank_ends_all_at_the_same_step(train, undisturbed, tmp_path, capfd):
    def end_rank_1(event):
        if os.environ["RANK"] == "1" and isinstance(event, Step) and event.step == 1:
            os.kill(os.getpid(), signal.SIGTERM)

    assert train(tmp_path / "run", event=end_rank_1) == [143, 143]
    assert capfd.readouterr().err.count("Interrupted; go on with --resume") == 1
    assert train(tmp_path / "run", "--resume") == [0, 0]
    assert weights(tmp_path / "run") == weights(undisturbed)


def test_a_callback_of_one_rank_stops_all(train, tmp_path, capfd):
    def stop(event):
        return os.environ["RANK"] == "0" or not isinstance(event, Step)

    assert train(tmp_path / "run", event=stop) == [0, 0]
    out, err = capfd.readouterr()
    assert err.count("Training was stopped by a callback.") == 1
    assert "Trained in" in out


def test_another_number_of_ranks_makes_another_run(train, undisturbed, tmp_path, run):
    assert train(tmp_path / "run", event=kill_rank_1) == [1, None]
    code, _, err = run("train", "--out", tmp_path / "run", "--resume")
    assert code == 0
    assert "Changed: ranks 1 instead of 2. From here on this is another run" in err


def test_other_data_on_a_rank_are_named_once(data, tmp_path, capfd):
    def differ(rank):
        words = ["--dev", data / "dev.conll", "--out", tmp_path / "run", *OPTIONS]
        command(rank, "train", "--train", data / ("train.conll", "dev.conll")[rank], *words)

    assert in_ranks(differ, **TORCHRUN) == [2, 2]
    line = capfd.readouterr().err.splitlines()[-1]
    assert line.startswith("rank 1: must have the settings and data of rank 0. Got data.train ")
    assert "other content of train data" in line
    assert not (tmp_path / "run").exists()


ALONE = "must run in one process, so that it does not share its work. Got WORLD_SIZE 2. Start it"


@pytest.mark.parametrize(
    ("words", "code", "line"),
    [
        pytest.param("train --train none.conll", 1, "none.conll: no such file.", id="no file"),
        pytest.param("train --epochs 0", 2, "ner train: Invalid value for", id="an option"),
        pytest.param("train --seed 1 --seed 2", 2, "ner train: --seed must be", id="given twice"),
        pytest.param("train --train a --seeds 2", 2, f"several seeds: {ALONE}", id="several seeds"),
        pytest.param("train --train a --crossweigh 1", 2, f"--crossweigh: {ALONE}", id="weights"),
        pytest.param("models", 2, f"ner models: {ALONE}", id="another command"),
    ],
)
def test_a_mistake_is_named_once(words, code, line, capfd, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert in_ranks(command, *words.split(), **TORCHRUN) == [code, code]
    out, err = capfd.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err.startswith(line)
    assert not list(tmp_path.iterdir())


def test_other_commands_run_where_processes_were_not_started_by_torchrun(capfd):
    assert in_ranks(command, "models") == [0, 0]
