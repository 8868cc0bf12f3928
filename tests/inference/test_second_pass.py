"""Evidence from documents in use: streams, commands, and files that somebody has changed."""

import json
import shutil
from dataclasses import fields, replace

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import ner
from ner.crf.forward_backward import Edges
from ner.errors import ModelFolderError
from ner.features.document_evidence import DocumentNetwork, input_size
from ner.inference.second_pass import SecondPass
from ner.model_folder import DOCUMENTS, copy_with_labels, load_model
from tests.signing import sign

NAMES = ("Awa Badjie", "Dakar", "Ada")


@pytest.fixture(scope="module")
def folder(tiny_model, tmp_path_factory):
    """Return the small tagger with random corrections, large enough to be seen in scores."""
    out = tmp_path_factory.mktemp("documents") / "model"
    model = load_model(tiny_model)
    num_tags, hidden = len(model.task.outputs), 4
    size, random = input_size(num_tags), np.random.default_rng(1)
    shapes = ((size,), (size,), (hidden, size), (hidden,), (num_tags, hidden), (num_tags,))
    arrays = [random.normal(size=shape).astype(np.float32) for shape in shapes]
    arrays[1] = np.ones(size, np.float32)
    copy_with_labels(tiny_model, replace(model, documents=DocumentNetwork(*arrays)), out)
    return out


def documents(count=6, size=3):
    """Return the sentences of documents in which the same names come again and again."""
    return [
        ner.Sentence(f"Then {NAMES[(d + k) % 3]} met {NAMES[d % 3]} .".split(), document=str(d))
        for d in range(count)
        for k in range(size)
    ]


def scores(sentences):
    return [sentence.prediction.scores for sentence in sentences]


def test_a_stream_is_tagged_document_by_document(folder):
    model = ner.load(folder, threads=1)
    sentences = documents()
    whole = model.tag_sentences(sentences)
    taken = []

    def read():
        for sentence in sentences:
            taken.append(sentence)
            yield sentence

    stream = model.pipe(read(), window=1)
    first = next(stream)
    # The first sentence of the second document says that the first one is over.
    assert len(taken) == 4
    assert scores([first, *stream]) == [pytest.approx(s, abs=1e-5) for s in scores(whole)]
    alone = model.tag_sentences([sentence.replace(document=None) for sentence in sentences])
    assert scores(alone) != scores(whole)


def test_a_model_that_is_twice_as_sure_gets_twice_the_corrections_at_its_temperature(folder):
    model = load_model(folder)
    task, network = model.task, model.documents
    sentences = documents(count=2)
    random = np.random.default_rng(1)
    scores = [random.normal(size=(len(s), len(task.outputs))).astype(np.float32) for s in sentences]
    count = len(task.outputs)
    edges = Edges(*(random.normal(size=shape) for shape in (count, (count, count), count)))
    once = SecondPass(task, edges, network)(sentences, scores)
    sure = replace(network, temperature=np.array(2, np.float32))
    doubled = Edges(*(2 * each for each in edges))
    twice = SecondPass(task, doubled, sure)(sentences, [2 * each for each in scores])
    for before, after, score in zip(once, twice, scores, strict=True):
        assert not np.array_equal(before, score)
        np.testing.assert_allclose(after, 2 * before, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("window", [1, 4, 1024])
def test_the_size_of_windows_does_not_matter(window, folder):
    model = ner.load(folder, threads=1)
    found = scores(model.pipe(documents(), window=window))
    expected = scores(model.tag_sentences(documents()))
    assert found == [pytest.approx(each, abs=1e-5) for each in expected]


def write_corpus(path):
    rows = "".join(f"{token} O\n" for token in ("Then", "Awa", "Badjie", "met"))
    boundary = "-DOCSTART- O\n\n"
    path.write_text(f"{boundary}{rows}\n{rows}\n{boundary}{rows}\n{rows}\n{boundary}{rows}\n")


def test_an_evaluation_says_how_many_documents_it_used(folder, run, tmp_path):
    write_corpus(tmp_path / "a.conll")
    code, _, err = run("eval", folder, "a.conll")
    assert code == 0
    assert "a.conll: tagged with evidence from 2 documents.\n" in err


def spans_of(out):
    return [[s["score"] for s in json.loads(line)["spans"]] for line in out.splitlines()]


def test_texts_that_are_split_are_documents_where_that_is_asked(folder, run):
    text = b"Then Awa Badjie met Ada. Then Awa Badjie met Ada. He left.\n"
    options = ("tag", "--model", folder, "--split-sentences")
    code, plain, err = run(*options, stdin=text)
    assert code == 0, err
    code, out, err = run(*options, "--documents", stdin=text * 2)
    assert code == 0, err
    first, second = spans_of(out)
    assert first == second
    assert [first] != spans_of(plain)
    assert "document" not in json.loads(out.splitlines()[0])
    # It is what Python says of sentences that name their document.
    model = ner.load(folder)
    sentences = [
        s + " ." for s in ("Then Awa Badjie met Ada", "Then Awa Badjie met Ada", "He left")
    ]
    found = model.tag_sentences(
        [ner.Sentence(sentence.split(), document="0") for sentence in sentences]
    )
    assert first == pytest.approx([s for each in scores(found) for s in each], abs=1e-5)


def test_documents_of_formats_are_used(folder, run, tmp_path):
    write_corpus(tmp_path / "a.conll")
    record = {"text": "Then Awa Badjie met"}
    lines = [json.dumps({**record, "document": d}) for d in ("a", "a", "b")]
    (tmp_path / "a.jsonl").write_text("\n".join(lines), encoding="utf-8")
    for name in ("a.conll", "a.jsonl"):
        code, out, err = run("tag", "--model", folder, "--documents", "--output", "jsonl", name)
        assert code == 0, err
        together, _, *_, alone = spans_of(out)
        assert together != alone


def test_what_knows_no_documents_is_refused(folder, tiny_model, run):
    code, _, err = run("tag", "--model", tiny_model, "--documents", stdin=b"Awa\n")
    assert code == 2
    assert err.endswith(
        "--documents: needs a model that uses documents, as ner documents makes it. "
        f"Got {tiny_model}.\n"
    )
    code, _, err = run("tag", "--model", folder, "--documents", stdin=b"Awa\n")
    assert code == 2
    assert "must be in a format that knows documents, such as conll, conllu or jsonl" in err


def with_first(arrays, name, value):
    array = arrays[name].copy()
    array.flat[0] = value
    return {**arrays, name: array}


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda a: with_first(a, "hidden_weight", np.nan), id="not a number"),
        pytest.param(lambda a: with_first(a, "mean", np.inf), id="infinite"),
        pytest.param(lambda a: with_first(a, "scale", 0), id="scale of zero"),
        pytest.param(lambda a: {**a, "mean": a["mean"][:-1]}, id="short"),
        pytest.param(lambda a: {**a, "output_weight": a["output_weight"].T.copy()}, id="turned"),
        pytest.param(lambda a: {**a, "hidden_bias": np.zeros((), np.float32)}, id="a number"),
        pytest.param(lambda a: {**a, "mean": a["mean"].astype(np.float64)}, id="other type"),
        pytest.param(lambda a: {**a, "more": a["mean"]}, id="one more"),
        pytest.param(lambda a: {n: v for n, v in a.items() if n != "scale"}, id="one less"),
        pytest.param(lambda a: {n: np.ravel(v)[:0] for n, v in a.items()}, id="empty"),
        pytest.param(lambda a: with_first(a, "temperature", 0), id="temperature of zero"),
    ],
)
def test_changed_corrections_are_refused_in_a_line(change, folder, tmp_path):
    changed = tmp_path / "changed"
    shutil.copytree(folder, changed)
    arrays = change(load_file(folder / DOCUMENTS))
    save_file(arrays, changed / DOCUMENTS)
    sign(changed)
    with pytest.raises(ModelFolderError) as error:
        ner.load(changed)
    assert str(error.value).startswith(f"{changed}: {DOCUMENTS}: ")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("content", [b"", b"\xff" * 64], ids=["empty", "noise"])
def test_corrections_that_are_no_arrays_are_refused_in_a_line(content, folder, tmp_path):
    changed = tmp_path / "changed"
    shutil.copytree(folder, changed)
    (changed / DOCUMENTS).write_bytes(content)
    sign(changed)
    with pytest.raises(ModelFolderError, match=rf"{DOCUMENTS} must be a safetensors file") as error:
        ner.load(changed)
    assert "\n" not in str(error.value)


def test_the_names_of_arrays_are_those_of_the_network(folder):
    assert set(load_file(folder / DOCUMENTS)) == {field.name for field in fields(DocumentNetwork)}
