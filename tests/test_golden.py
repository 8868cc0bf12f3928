import json
from pathlib import Path

import pytest

import ner
from ner.testing import check_model
from tests.golden.make import answer

GOLDEN = Path(__file__).parent / "golden"
KINDS = ("spans", "texts", "tokens")

# Weights of eight bits are multiplied by other instructions on other processors.
TOLERANCES = {"fp32": 1e-5, "int8": 0.05}
CASES = [
    *((kind, runtime, "fp32") for kind in KINDS for runtime in ("onnx", "torch")),
    *((kind, "onnx", "int8") for kind in ("spans", "texts")),
]


def test_every_golden_model_is_asked():
    assert sorted(path.parent.name for path in GOLDEN.glob("*/answers.json")) == list(KINDS)


@pytest.mark.numeric
@pytest.mark.parametrize(("kind", "runtime", "precision"), CASES)
def test_golden_models_answer_the_same_for_ever(kind, runtime, precision):
    recorded = json.loads((GOLDEN / kind / "answers.json").read_text(encoding="utf-8"))
    model = ner.load(GOLDEN / kind / "model", runtime=runtime, precision=precision, threads=1)
    found = [answer(sentence) for sentence in model.pipe(recorded["texts"])]
    assert sum(len(each["scores"]) for each in found) > 10
    for text, one, other in zip(recorded["texts"], recorded[precision], found, strict=True):
        scores, expected = other.pop("scores"), one.pop("scores")
        assert other == one, text
        assert scores == pytest.approx(expected, abs=TOLERANCES[precision]), text


@pytest.mark.numeric
@pytest.mark.parametrize("kind", KINDS)
def test_golden_models_keep_all_promises(kind):
    lines = []
    found = check_model(GOLDEN / kind / "model", notify=lines.append)
    assert len(found.checks) == len(lines) == 7
    assert [check.name for check in found.checks if check.holds] == [
        check.name for check in found.checks
    ]
