"""Functions that are called with each event of a run, and may stop it."""

import json
from itertools import islice

import numpy as np
import pytest
from safetensors.numpy import load_file

import ner

EPOCHS, STEPS = 3, 5  # 40 sentences in batches of 8


def run(out, *callbacks, resume=False):
    splits = {
        split: list(islice(ner.read_sentences(f"sample:{split}"), count))
        for split, count in (("train", 40), ("dev", 10))
    }
    return ner.train(
        **splits,
        out=out,
        resume=resume,
        progress=False,
        callbacks=callbacks,
        words={"size": 8},
        characters={"size": 4, "output_size": 8},
        affixes={"rows": 64, "size": 4},
        encoder={"size": 8},
        training={"epochs": EPOCHS, "batch_size": 8, "threads": 1, "device": "cpu"},
    )


def weights(folder):
    return {k: v.tobytes() for k, v in load_file(folder / "model/model.safetensors").items()}


def metrics(folder):
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    return [{k: v for k, v in json.loads(x).items() if "second" not in k} for x in lines]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Give the folder of a run that nothing stopped."""
    out = tmp_path_factory.mktemp("whole") / "run"
    run(out)
    return out


class Stop:
    """A callback that says something at one event, counted from 1, and counts all of them."""

    def __init__(self, at, answer=False):
        self.at = at
        self.answer = answer
        self.events = []

    def __call__(self, event):
        self.events.append(event)
        if len(self.events) != self.at:
            return None
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def test_callbacks_are_called_with_each_step_and_epoch(tmp_path, whole):
    first, second = Stop(at=None), Stop(at=None)
    run(tmp_path / "run", first, second)
    kinds = [type(event) for event in first.events]
    assert kinds == ([ner.Step] * STEPS + [ner.Epoch]) * EPOCHS
    assert first.events == second.events
    assert weights(tmp_path / "run") == weights(whole)
    assert [e.metrics["f1"] for e in first.events if isinstance(e, ner.Epoch)] == [
        row["f1"] for row in metrics(whole)
    ]


@pytest.mark.parametrize(
    ("at", "rows"),
    [
        pytest.param(STEPS + 1, 1, id="after an epoch"),
        pytest.param(2, 1, id="within the first epoch"),
        pytest.param(STEPS + 3, 2, id="within the second epoch"),
    ],
)
def test_a_run_that_a_callback_stops_has_a_model_and_goes_on_if_resumed(tmp_path, whole, at, rows):
    callback = Stop(at)
    tagger, report = run(tmp_path / "run", callback)
    assert len(metrics(tmp_path / "run")) == rows
    assert isinstance(callback.events[-1], ner.Epoch)
    assert ner.evaluate(tagger, list(islice(ner.read_sentences("sample:dev"), 10))).f1 == report.f1
    assert (tmp_path / "run/report.json").is_file()
    assert (tmp_path / "run/model/model.onnx").is_file()
    run(tmp_path / "run", resume=True)
    assert weights(tmp_path / "run") == weights(whole)
    assert metrics(tmp_path / "run") == metrics(whole)


def test_what_was_learned_before_a_stop_counts(tmp_path):
    run(tmp_path / "run", Stop(2))
    (row,) = metrics(tmp_path / "run")
    manifest = json.loads((tmp_path / "run/model/manifest.json").read_text())
    assert (row["epoch"], manifest["best_epoch"]) == (1, 1)


@pytest.mark.parametrize("answer", [False, np.False_], ids=["False", "False of numpy"])
def test_false_stops_a_run(tmp_path, answer):
    callback = Stop(1, answer)
    run(tmp_path / "run", callback)
    assert [type(event) for event in callback.events] == [ner.Step, ner.Epoch]


@pytest.mark.parametrize("answer", [0, None, True, ""], ids=["0", "None", "True", "empty"])
def test_other_answers_stop_nothing(tmp_path, answer):
    callback = Stop(1, answer)
    run(tmp_path / "run", callback)
    assert len(callback.events) == EPOCHS * (STEPS + 1)


@pytest.mark.parametrize("at", [3, STEPS + 1, STEPS + 2], ids=["step", "epoch", "next epoch"])
def test_after_an_error_in_a_callback_a_run_can_be_resumed(tmp_path, whole, at):
    with pytest.raises(ValueError, match="no reason"):
        run(tmp_path / "run", Stop(at, ValueError("no reason")))
    assert not (tmp_path / "run/model").exists()
    later = Stop(at=None)
    run(tmp_path / "run", later, resume=True)
    assert len(later.events) == EPOCHS * (STEPS + 1) - at
    assert weights(tmp_path / "run") == weights(whole)
    assert metrics(tmp_path / "run") == metrics(whole)
