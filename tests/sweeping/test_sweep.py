"""Whole sweeps over a small corpus: results, going on, pruning, failures, data that nobody sees."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import ner
from ner.config.loading import Config, load_config
from ner.data.sentence import Sentence
from ner.errors import ConfigError, DataError
from ner.messages import ignore
from ner.sweeping import run as run_module
from ner.sweeping import trial as trial_module
from ner.sweeping.corpora import hold_out, read_sweep_corpus
from ner.training.run_folder import REPORT

TINY = {
    "words.size": 4,
    "characters.size": 2,
    "characters.output_size": 2,
    "affixes.rows": 8,
    "encoder.size": 4,
    "training.epochs": 2,
    "training.threads": 1,
    "training.device": "cpu",
}
NAMES = ["Ada", "Bob", "Eve", "Joe"]
TRAIN = [
    Sentence([name, "left", str(i)], spans=[(0, 1, "PER")]) for i, name in enumerate(NAMES * 5)
]
DEV = TRAIN[:4]
SEARCH = {"encoder.size": [4, 6], "training.learning_rate": "log:1e-3..1e-1"}


def sweep(out, *, search=SEARCH, dev=DEV, train=TRAIN, **options):
    settings = TINY | options.pop("set", {})
    options = {"trials": 2, "prune": False, "progress": False} | options
    return ner.sweep(search=search, train=train, dev=dev, out=out, set=settings, **options)


def lines(out, *without):
    """Read the table of runs, without what no two sweeps share."""
    found = [json.loads(line) for line in (out / "runs.jsonl").read_text().splitlines()]
    return [{k: v for k, v in run.items() if k not in ("seconds", *without)} for run in found]


def test_a_sweep_trains_each_trial_and_writes_the_table_and_the_best_settings(tmp_path):
    result = sweep(tmp_path / "s", seeds=2)
    runs = lines(tmp_path / "s")
    assert [(run["trial"], run["seed"], run["state"]) for run in runs] == [
        (1, 1, "complete"),
        (1, 2, "complete"),
        (2, 1, "complete"),
        (2, 2, "complete"),
    ]
    for run in runs:
        folder = tmp_path / "s" / f"trial-{run['trial']:04}" / f"seed-{run['seed']}"
        report = json.loads((folder / REPORT).read_text())
        assert report["dev"]["score"] == run["dev"] == max(run["scores"])
        config = load_config(folder / "config.toml")
        assert config.encoder.size == run["settings"]["encoder.size"]
        assert config.seed == run["seed"]
        assert len(run["scores"]) == 2 and run["holdout"] is None
        assert ner.load(folder / "model").tag("Ada left.")
        assert not (folder / "checkpoints").exists()
    # 4 is the configured size, but the configured rate of 2e-3 is in the range, too.
    assert runs[0]["settings"] == {"encoder.size": 4, "training.learning_rate": 0.002}
    assert len({run["digest"] for run in runs}) == 4
    means = {t: sum(r["dev"] for r in runs if r["trial"] == t) / 2 for t in (1, 2)}
    best = max(means, key=means.get)
    assert result.best == next(run["settings"] for run in runs if run["trial"] == best)
    assert load_config(tmp_path / "s" / "best.toml") == result.config
    assert result.config.training.export
    assert json.loads(json.dumps(result.to_dict()))["best"] == result.best
    assert str(result).splitlines()[1].split()[:2] == [str(best), f"{100 * means[best]:.2f}"]


def test_the_same_call_goes_on_and_equals_a_sweep_that_was_never_stopped(tmp_path):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    sweep(whole)
    sweep(parts, trials=1)
    sweep(parts)
    assert lines(whole) == lines(parts)
    before = (parts / "trial-0001/seed-1/report.json").stat().st_mtime_ns
    sweep(parts)
    assert (parts / "trial-0001/seed-1/report.json").stat().st_mtime_ns == before
    with pytest.raises(ConfigError, match=r"Got one with another seeds, settings\."):
        sweep(parts, seeds=2, set={"encoder.dropout": 0.3})
    with pytest.raises(ConfigError, match=r"Got one with another search\."):
        sweep(parts, search={"encoder.size": [4, 6]})


KILLED = """
import os, signal, sys
sys.path.insert(0, {root!r})
import ner
from ner.sweeping import run
from tests.sweeping.test_sweep import sweep
work, events = run.Sweep.work, []

def kill(event):
    events.append(event)
    if len(events) == {after}:
        os.kill(os.getpid(), signal.SIGKILL)

run.Sweep.work = lambda self, corpus, notify: work(self, corpus, notify, kill)
sweep({out!r}, trials=2)
"""


def test_a_sweep_that_is_killed_again_and_again_equals_one_that_was_not(tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    sweep(whole)
    # An epoch has 5 steps. Both kills are in the second epoch of the first trial.
    for after in (9, 3):
        script = KILLED.format(root=str(Path.cwd()), out=str(killed), after=after)
        code = subprocess.run([sys.executable, "-c", script], check=False).returncode
        assert code == -signal.SIGKILL
    assert not (killed / "runs.jsonl").exists()
    sweep(killed, trials=2)
    assert lines(killed) == lines(whole)


def test_processes_share_the_trials_and_another_takes_the_place_of_one_that_dies(
    tmp_path, monkeypatch
):
    children, told = [], []
    child = run_module.Child

    def start(*arguments):
        children.append(child(*arguments))
        return children[-1]

    def tell(line):
        if line.startswith("Trial ") and not told:
            children[0].process.kill()
        told.append(line)

    monkeypatch.setattr(run_module, "Child", start)
    monkeypatch.setattr(run_module, "tell", tell)
    result = sweep(tmp_path, trials=3, jobs=2)
    assert [run["state"] for run in result.runs] == ["complete"] * 3
    assert [run["trial"] for run in result.runs] == [1, 2, 3]
    assert len(children) == 3
    assert sum("ended by signal SIGKILL" in line for line in told) == 1
    assert not any(each.process.is_alive() for each in children)


def test_an_error_of_a_process_is_that_of_the_sweep(tmp_path):
    job = run_module.Sweep(
        Config(), {}, tmp_path, 1, 1, 0.0, "tpe", False, {"train": [], "dev": DEV}
    )
    with pytest.raises(DataError, match="no sentences"):
        run_module._work_side_by_side(job, 2)


def test_no_choice_sees_the_documents_that_are_held_out(tmp_path, monkeypatch):
    train = [Sentence(s.tokens, spans=s.spans, document=f"d{i // 2}") for i, s in enumerate(TRAIN)]
    seen = []
    train_once = trial_module.run_training
    monkeypatch.setattr(
        trial_module,
        "run_training",
        lambda *a, **k: seen.append(k["sources"]) or train_once(*a, **k),
    )
    result = sweep(tmp_path, train=train, dev=None, trials=1, holdout=0.2)
    (splits,) = seen
    held = {s.document for s in splits["test"]}
    assert len(held) == 2 and len(splits["test"]) == 4
    assert held.isdisjoint(s.document for name in ("train", "dev") for s in splits[name])
    assert 0 <= result.runs[0]["holdout"] <= 1
    assert "held-out F1" in str(result)


def test_documents_or_sentences_are_held_out():
    train = [Sentence(["a"], spans=[], document=str(i // 5)) for i in range(20)]
    held = hold_out(train, 0.25, 1)
    assert len(held) == 5 and len({train[i].document for i in held}) == 1
    assert hold_out(train, 0.01, 1) and hold_out(train, 0.25, 1) == held
    assert len(hold_out(TRAIN, 0.25, 1)) == 5
    assert {tuple(hold_out(TRAIN, 0.25, seed)) for seed in range(9)} != {tuple(held)}


@pytest.mark.parametrize("share", [-0.1, 1.0], ids=["negative", "everything"])
def test_a_share_that_leaves_nothing_is_refused(share):
    with pytest.raises(ConfigError, match="holdout: must be at least 0 and below 1"):
        read_sweep_corpus(Config(), {"train": TRAIN}, share, ignore)


def test_a_corpus_that_is_too_small_is_refused():
    with pytest.raises(DataError, match="sentences left for training and development"):
        read_sweep_corpus(Config(), {"train": TRAIN[:2], "dev": DEV}, 0.9, ignore)


def test_weights_of_sentences_stay_with_them(tmp_path, monkeypatch):
    path = tmp_path / "weights.jsonl"
    ner.training.sentence_weights.write_weights(path, TRAIN, [i / 10 for i in range(20)])
    config = Config().updated({"training.weights": str(path)})
    corpus = read_sweep_corpus(config, {"train": TRAIN, "dev": DEV}, 0.2, ignore)
    assert [round(10 * w) for w in corpus.weights] == [int(s.tokens[2]) for s in corpus.train]


def test_a_trial_below_the_median_is_pruned(tmp_path, monkeypatch):
    scores = iter([0.9, 0.9, 0.9, 0.9, 0.1, 0.9])
    told = []

    class Events:
        def __init__(self, trial, metric, seen):
            self.inner = trial_module_pruning(trial, metric, seen)
            self.seen = self.inner.seen
            self.score = next(scores)

        def __call__(self, event):
            if hasattr(event, "metrics"):
                told.append(self.score)
                event = type(event)(event.epoch, {"f1": self.score}, event.better, event.best)
            self.inner(event)

    trial_module_pruning = trial_module.Pruning
    monkeypatch.setattr(trial_module, "Pruning", Events)
    result = sweep(tmp_path, trials=6, prune=True, set={"training.epochs": 4})
    states = [run["state"] for run in result.runs]
    assert states == ["complete"] * 4 + ["pruned", "complete"]
    assert told.count(0.1) == 3  # after the epochs in which none is pruned
    pruned = result.runs[4]
    assert (pruned["dev"], len(pruned["scores"])) == (None, 3)
    assert not (tmp_path / "trial-0005/seed-1/model").exists()
    assert "5 complete, 1 pruned" in str(result)


def test_a_trial_that_fails_says_why_and_the_sweep_goes_on(tmp_path):
    search = {"head.kind": ["softmax", "crf"], "head.cost": [0.0, 1.0]}
    result = sweep(tmp_path, search=search, method="grid", trials=None)
    assert len(result.runs) == 4
    failed = [run for run in result.runs if run["state"] == "failed"]
    assert [run["settings"] for run in failed] == [{"head.kind": "softmax", "head.cost": 1.0}]
    assert "head.cost" in failed[0]["error"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"trials": 0}, "trials: must be at least 1"),
        ({"jobs": 0}, "jobs: must be at least 1"),
        ({"seeds": 0}, "seeds: must be at least 1"),
        ({"method": "grid"}, "a grid needs a list of values"),
        (
            {"method": "grid", "search": {"encoder.size": [4]}, "trials": 3},
            "trials: must be at most 1",
        ),
    ],
    ids=["no trials", "no jobs", "no seeds", "a range in a grid", "a small grid"],
)
def test_options_that_make_no_sweep_are_refused(options, words, tmp_path):
    with pytest.raises(ConfigError, match=words):
        sweep(tmp_path / "s", **options)
    assert not (tmp_path / "s").exists()
