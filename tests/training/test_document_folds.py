"""`training.document_folds`: training ends by learning to use the rest of a document."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import ner
from ner.config.loading import read_config
from ner.training.document_evidence import learn_documents, shortened
from ner.training.train import run_training
from tests.training import documents
from tests.training.documents import corpus

SETTINGS = {**documents.SETTINGS, "training.epochs": 2, "training.export": False}


@pytest.fixture(autouse=True, scope="module")
def few_steps() -> Iterator[None]:
    """Fit corrections for a moment only: here, it does not matter how good they are."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ner.training.document_evidence.FEWEST_STEPS", 1)
        patch.setattr("ner.training.run_folder.learning_curve", lambda *_: None)
        yield


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train with parts at once, without, and in two steps."""
    base = tmp_path_factory.mktemp("folds")
    sentences = list(corpus())
    sources = {"train": sentences, "dev": sentences}
    for name, folds in (("whole", 3), ("plain", 0)):
        run_training(
            out=base / name,
            sources=sources,
            set={**SETTINGS, "training.document_folds": folds},
            progress=False,
        )
    learn_documents(base / "plain/model", sentences, base / "steps", folder=base / "kept")
    return base


def test_the_model_is_that_of_two_steps(base: Path) -> None:
    whole, steps = (base / name / "documents.safetensors" for name in ("whole/model", "steps"))
    assert whole.read_bytes() == steps.read_bytes()
    weights = "model.safetensors"
    assert (base / "whole/model" / weights).read_bytes() == (base / "steps" / weights).read_bytes()


def test_the_run_says_what_evidence_is_worth_and_keeps_no_parts(base: Path) -> None:
    record = json.loads((base / "whole/model/manifest.json").read_text())["documents"]
    assert record["folds"] == 3
    assert record["documents"] == 90
    assert {"before", "after"} <= record.keys()
    assert not (base / "whole/parts").exists()
    assert "evidence from documents" in (base / "whole/model/README.md").read_text()
    assert "evidence from documents" not in (base / "plain/model/README.md").read_text()


def test_a_finished_run_learns_from_documents_later(base: Path, tmp_path: Path) -> None:
    sentences = list(corpus())
    sources = {"train": sentences, "dev": sentences}
    settings = dict(SETTINGS)
    run = tmp_path / "run"
    run_training(out=run, sources=sources, set=settings, progress=False)
    before = (run / "model/model.safetensors").read_bytes()
    assert not (run / "model/documents.safetensors").exists()
    settings["training.document_folds"] = 2
    run_training(out=run, sources=sources, set=settings, resume=True, progress=False)
    assert (run / "model/model.safetensors").read_bytes() == before
    assert (run / "model/documents.safetensors").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        pytest.param(
            {"training.document_folds": 1},
            "training.document_folds: must be 0 or be greater than or equal to 2. Got 1.",
            id="one part",
        ),
        pytest.param(
            {"training.document_folds": 91},
            "train: must have at least 91 documents of several sentences, for "
            "training.document_folds. Got 74.",  # the others are held out, or alone without them
            id="more parts than documents",
        ),
        pytest.param(
            {"training.weights": "weights.jsonl"},
            "training.document_folds: must be 0 where there is training.weights, because models "
            "of parts have none. Got 2. Use ner documents after the training.",
            id="weights",
        ),
        pytest.param(
            {"training.teacher": "en"},
            "training.document_folds: must be 0 where there is training.teacher, because models "
            "of parts have none. Got 2. Use ner documents after the training.",
            id="teacher",
        ),
        pytest.param(
            {"task": "classify"},
            "training.document_folds: must be 0 unless the task is ner or tag. Got 2 for classify.",
            id="classifier",
        ),
    ],
)
def test_what_does_not_go_together_is_refused_before_training(
    changes: dict[str, Any], message: str, tmp_path: Path
) -> None:
    settings = {**SETTINGS, "training.document_folds": 2, **changes}
    with pytest.raises(ner.NerError) as caught:
        run_training(
            out=tmp_path / "run", sources={"train": list(corpus())}, set=settings, progress=False
        )
    assert str(caught.value) == message
    assert not (tmp_path / "run").exists()


def test_a_corpus_without_documents_is_refused(tmp_path: Path) -> None:
    sentences = [replace(sentence, document=None) for sentence in corpus()]
    with pytest.raises(ner.DataError, match=r"^train: must have at least 2 documents .* Got 0\.$"):
        run_training(
            out=tmp_path / "run",
            sources={"train": sentences},
            set={**SETTINGS, "training.document_folds": 2},
            progress=False,
        )


@pytest.mark.parametrize(
    ("epochs", "expected"),
    [
        pytest.param(25, 10, id="as for most corpora"),
        pytest.param(60, 24, id="as for small corpora"),
        pytest.param(10, 10, id="the fewest"),
        pytest.param(2, 2, id="no more than the model"),
    ],
)
def test_models_of_parts_are_trained_for_fewer_epochs(epochs: int, expected: int) -> None:
    config = read_config(None, {"training.epochs": epochs})
    assert shortened(config).training.epochs == expected
