import dataclasses
from pathlib import Path

import numpy as np
import pytest

import ner
from ner import Sentence
from ner.data.schemes import Span
from ner.inference.predictor import Predictor
from ner.testing import check_model, run_checks

GOLDEN = Path(__file__).parent / "golden"
SENTENCES = [
    Sentence(f"Ada Badjie met {n} children in London .".split()[: n % 8 + 1]) for n in range(9)
]


def golden(kind):
    return ner.load(GOLDEN / kind / "model", runtime="onnx", threads=1)


def failing(model):
    """Name the checks that fail, and make sure that `check_model` names the same."""
    lines = []
    found = run_checks(model, SENTENCES, notify=lines.append)
    assert lines == [str(check) for check in found.checks]
    failures = [check.name for check in found.failures]
    if failures:
        with pytest.raises(AssertionError) as error:
            check_model(model, SENTENCES, notify=lines.append)
        assert [line.split("  ")[0] for line in str(error.value).splitlines()] == ["FAILS"] * len(
            failures
        )
    return failures


def change_outputs(model, monkeypatch, change):
    """Let the network compute something else."""
    compute = model.runtime.outputs

    def outputs(batch):
        return {
            name: change(array, batch).astype(array.dtype) for name, array in compute(batch).items()
        }

    monkeypatch.setattr(model.runtime, "outputs", outputs)


def change_predictions(model, monkeypatch, change):
    """Let decoding find something else."""
    decode = model.decode
    changed = lambda outputs, lengths: [change(found) for found in decode(outputs, lengths)]  # noqa: E731
    monkeypatch.setitem(model.__dict__, "decode", changed)


@pytest.mark.parametrize("kind", ["spans", "tokens", "texts"])
def test_a_model_that_keeps_its_promises_passes(kind):
    assert failing(golden(kind)) == []


def test_lost_and_exchanged_results_are_found(monkeypatch):
    tag = Predictor.tag_sentences
    monkeypatch.setattr(Predictor, "tag_sentences", lambda *a, **k: tag(*a, **k)[::-1])
    assert "nothing lost" in failing(golden("spans"))
    monkeypatch.setattr(Predictor, "pipe", lambda self, items, **_: iter(tag(self, [*items][1:])))
    monkeypatch.setattr(Predictor, "tag_sentences", tag)
    assert "nothing lost" in [c.name for c in run_checks(golden("spans"), SENTENCES[:1]).failures]


@pytest.mark.parametrize("kind", ["spans", "tokens", "texts"])
def test_results_that_depend_on_company_are_found(monkeypatch, kind):
    model = golden(kind)
    change_outputs(model, monkeypatch, lambda array, batch: array * (1 + len(batch["lengths"])))
    assert "company" in failing(model)


def test_results_that_depend_on_padding_are_found(monkeypatch):
    model = golden("tokens")
    change_outputs(model, monkeypatch, lambda array, batch: array + array.shape[1])
    assert "company" in failing(model)


def test_tokens_that_are_elsewhere_are_found(monkeypatch):
    def read(self, text):
        tokens, offsets = self.tokenizer(text)
        return Sentence(tokens, text=text, offsets=[(start, end + 1) for start, end in offsets])

    monkeypatch.setattr(Predictor, "read", read)
    assert failing(golden("spans")) == ["offsets"]


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("spans", {"spans": [Span(0, 1, "NOSE")], "scores": [0.5]}),
        ("spans", {"spans": [Span(0, 1, "PER"), Span(0, 1, "LOC")], "scores": [0.5, 0.5]}),
        ("spans", {"spans": [Span(0, 99, "PER")], "scores": [0.5]}),
        ("texts", {"labels": ("NOSE",)}),
        ("texts", {"labels": ("LOC", "LOC")}),
    ],
    ids=["label", "overlap", "length", "class", "class twice"],
)
def test_predictions_that_are_not_legal_are_found(monkeypatch, kind, changes):
    model = golden(kind)
    change_predictions(model, monkeypatch, lambda found: dataclasses.replace(found, **changes))
    assert "legal" in failing(model)


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("spans", {"scores": (1.5,)}),
        ("tokens", {"column_scores": {"shape": (0.5,) * 99}}),
        ("texts", {"probabilities": dict.fromkeys(("LOC", "MISC", "ORG", "PER"), 0.5)}),
    ],
    ids=["spans", "tokens", "texts"],
)
def test_probabilities_that_are_none_are_found(monkeypatch, kind, changes):
    def change(found):
        values = dict(changes)
        if "scores" in values:
            values["scores"] = values["scores"] * len(found.spans)
        if "column_scores" in values:
            length = len(found.columns["shape"])
            values["column_scores"] = {"shape": values["column_scores"]["shape"][:length]}
        return dataclasses.replace(found, **values)

    model = golden(kind)
    change_predictions(model, monkeypatch, change)
    assert "probabilities" in failing(model)


def test_a_path_that_is_not_the_best_is_found(monkeypatch):
    model = golden("spans")
    change_predictions(
        model, monkeypatch, lambda found: dataclasses.replace(found, spans=(), scores=())
    )
    assert "probabilities" in failing(model)


def test_results_that_change_when_asked_again_are_found(monkeypatch):
    model, random = golden("tokens"), np.random.default_rng(1)
    noise = lambda array, _: array + random.normal(scale=1e-6, size=array.shape)  # noqa: E731
    change_outputs(model, monkeypatch, noise)
    assert failing(model) == ["repeatable"]


def test_runtimes_that_differ_are_found(monkeypatch):
    from ner.inference.onnx_runtime import OnnxRuntime

    outputs = OnnxRuntime.outputs
    # The same for each tag, so that no decision differs.
    shifted = lambda self, batch: {n: a + 0.01 for n, a in outputs(self, batch).items()}  # noqa: E731
    monkeypatch.setattr(OnnxRuntime, "outputs", shifted)
    assert failing(golden("tokens")) == ["runtimes equal"]


def test_a_model_that_cannot_answer_fails_in_a_line(monkeypatch):
    model = golden("spans")
    change_outputs(model, monkeypatch, lambda array, _: array * np.nan)
    found = run_checks(model, SENTENCES, notify=lambda _: None)
    assert len(found.failures) == 6
    assert all("scores must be finite" in check.found for check in found.failures)
    assert "\n" not in str(found.failures[0])


def test_what_cannot_be_checked_is_said(tiny_run):
    model = ner.load(tiny_run / "model", runtime="torch")
    object.__setattr__(model, "origin", None)
    check = run_checks(model, SENTENCES, notify=lambda _: None).checks[-1]
    assert (check.holds, check.found) == (None, "the model is in memory alone, with one runtime")


def test_the_command_line_prints_a_line_for_each_promise(run):
    code, out, err = run("check", GOLDEN / "spans" / "model")
    assert (code, err) == (0, "")
    assert [line.split()[0] for line in out.splitlines()] == ["holds"] * 7
    code, out, _ = run("check", GOLDEN / "spans" / "model", "sample:dev", "--json")
    assert code == 0
    assert '"holds": true' in out


def test_the_command_line_fails_with_the_model(run, monkeypatch):
    tag = Predictor.tag_sentences
    monkeypatch.setattr(Predictor, "tag_sentences", lambda *a, **k: tag(*a, **k)[::-1])
    code, out, _ = run("check", GOLDEN / "texts" / "model")
    assert code == 1
    assert out.startswith("FAILS  nothing lost")
