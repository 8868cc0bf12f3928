from pathlib import Path

import pytest

import ner
from ner.inference.second_pass import find_documents, windows_of_documents
from ner.testing import check_model
from ner.training.document_evidence import Worth, learn_documents
from ner.training.part_scores import document_folds
from tests.training.documents import SETTINGS, corpus


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("documents")
    sentences = list(corpus())
    ner.train(train=sentences, dev=sentences, out=base / "run", set=SETTINGS, progress=False)
    worth = learn_documents(
        base / "run" / "model", sentences, base / "learned", folder=base / "kept", set=SETTINGS
    )
    assert worth.after > worth.before
    return base


def test_the_second_mention_is_decided_by_the_first(folder: Path) -> None:
    tagger = ner.load(folder / "learned", threads=1)
    for verb, label in (("Mr", "PER"), ("in", "LOC")):
        first = ner.Sentence([verb, "Zefira", "."], document="new")
        second = ner.Sentence(["Then", "Zefira", "."], document="new")
        found = list(tagger.pipe([first, second], window=1))[1]
        assert [span.label for span in found.prediction.spans or ()] == [label]


@pytest.mark.parametrize(
    ("score", "is_warned"),
    [
        pytest.param(None, False, id="unknown"),
        pytest.param(0.6, False, id="alike"),
        pytest.param(0.61, True, id="far above"),
    ],
)
def test_much_weaker_models_of_parts_are_warned_of(score: float | None, is_warned: bool) -> None:
    warning = Worth(folds=3, documents=9, before=0.5, after=0.7).warning(score)
    assert (warning is not None) == is_warned
    if warning is not None:
        assert warning.startswith("Warning: the models of parts score 50.00, and the model has 61.")


def test_without_a_document_nothing_changes(folder: Path) -> None:
    before = ner.load(folder / "run" / "model", threads=1)
    after = ner.load(folder / "learned", threads=1)
    sentences = [ner.Sentence(sentence.tokens) for sentence in corpus()]
    assert before.tag_sentences(sentences) == after.tag_sentences(sentences)


def test_a_model_with_documents_keeps_its_promises(folder: Path) -> None:
    check_model(folder / "learned", list(corpus())[:40])


def test_the_windows_of_a_stream_are_whole_documents() -> None:
    names = ["a", "a", None, "b", "b", "b", "c"]
    sentences = [ner.Sentence(["x"], document=name) for name in names]
    windows = [[s.document for s in w] for w in windows_of_documents(sentences, 2)]
    assert windows == [["a", "a"], [None, "b", "b", "b"], ["c"]]
    assert find_documents(sentences) == [[0, 1], [3, 4, 5]]


def test_parts_hold_whole_documents() -> None:
    sentences = list(corpus())[:10]
    assert document_folds(sentences, 2) in ([range(4), range(4, 10)], [range(6), range(6, 10)])
