"""Compact models: a store of eight bits, no second copy, the same answers up to rounding."""

import numpy as np
import onnx
import pytest

import ner
from ner.data.sentence import Sentence
from ner.exporting import check_graphs, compacted, write_graphs
from ner.exporting.compact import is_private
from ner.exporting.model import export
from ner.features.int8_rows import from_int8, rounded, to_int8
from ner.features.vectors import VectorStore
from ner.inference.onnx_runtime import OnnxRuntime
from ner.model_folder import MODEL_GRAPH, WEIGHTS, load_model, save_model
from ner.nn.runtime import TorchRuntime, load_network
from ner.safetensors_header import SafetensorsHeader
from tests.exporting.test_export import CASES, make_model, store
from tests.networks import case_name

__all__ = ["store"]

# Wide enough that the matrices of a network are rounded.
WIDE = {"encoder.size": 24, "characters.output_size": 24, "bigrams.size": 24}


@pytest.fixture(scope="module")
def sample_model(tmp_path_factory):
    """Train a small model with vectors of its own."""
    folder = tmp_path_factory.mktemp("sample")
    lines = ["london 1 2 3 4", "quokka 4 3 2 1", "http://a.example/b 1 1 1 1", "@ada 2 2 2 2"]
    (folder / "vectors.txt").write_text("\n".join(lines), encoding="utf-8")
    rows = [("Mail", "ada@example.org", "in", "Paris"), ("Call", "020-7946-0018", "from", "Rome")]
    train = [Sentence(row, spans=[(3, 4, "LOC")]) for row in rows]
    ner.train(
        train=train,
        dev=train,
        out=folder / "run",
        vectors={"path": str(folder / "vectors.txt")},
        words={"size": 4},
        encoder={"size": 24},
        training={"epochs": 1, "threads": 1},
        progress=False,
    )
    return folder / "run" / "model"


@pytest.mark.parametrize(
    "network, features", CASES, ids=[case_name(one | other) for one, other in CASES]
)
def test_the_graphs_of_every_compact_network_compute_what_torch_computes(
    network, features, store, tmp_path
):
    # With larger weights, the scores of wide networks are so large that float32 rounds too much.
    small = compacted(make_model(network | WIDE, features, store, std=0.25))
    save_model(tmp_path / "m", small, lambda folder: write_graphs(folder, small))
    check_graphs(tmp_path / "m", load_model(tmp_path / "m"))


def test_rows_are_rounded_to_half_a_step_and_rounding_again_changes_nothing():
    matrix = np.random.default_rng(1).normal(size=(64, 50)).astype(np.float32)
    matrix[3] = 0
    matrix[4] *= 1e-6
    integers, scales = to_int8(matrix)
    steps = np.maximum(np.abs(matrix).max(axis=1) / 127, 2.0**-14)
    # Scales have half precision, so they may be off by one part in 2,048.
    assert (np.abs(from_int8(integers, scales) - matrix) <= 0.57 * steps[:, None]).all()
    again = rounded(matrix)
    assert np.array_equal(rounded(again), again)


def test_small_arrays_and_lists_keep_all_digits():
    for shape in [(5,), (3, 4), (40, 5, 6)]:
        array = np.random.default_rng(1).normal(size=shape).astype(np.float32)
        assert np.array_equal(rounded(array), array)


def test_a_compact_store_finds_each_word_and_no_other(tmp_path):
    words = [f"word{i}" for i in range(500)] + ["Köln", "é", "\ud800"]
    matrix = np.random.default_rng(1).normal(size=(len(words), 8)).astype(np.float32)
    VectorStore.compact(words, matrix).save(tmp_path / "v")
    found = VectorStore.open(tmp_path / "v")
    rows = found.find([*words, "nothing", "", "word500"])
    assert (rows[-3:] == -1).all()
    assert [found.words[row] for row in rows[:-3]] == words
    expected = from_int8(*to_int8(matrix))
    assert np.array_equal(found.rows(rows[:-3]), expected)


def test_words_with_the_same_short_hash_are_told_apart(monkeypatch):
    monkeypatch.setattr("ner.features.vectors._short", lambda h: np.zeros(len(h), dtype=np.uint32))
    found = VectorStore.compact(["a", "b"], np.array([[1.0, 2], [3, 4]]))
    assert [found.words[row] for row in found.find(["b", "a"])] == ["b", "a"]
    assert found.find(["c"]).tolist() == [-1]


@pytest.mark.parametrize("name", ["scales", "lengths", "vectors", "hashes"])
def test_a_compact_store_that_is_cut_off_is_refused(name, tmp_path):
    made = VectorStore.compact(["a", "b", "c"], np.ones((3, 4)))
    made._arrays[name] = made._arrays[name][:-1]
    made.save(tmp_path / "v")
    with pytest.raises(ner.ModelFolderError, match="must be a whole vector store"):
        VectorStore.open(tmp_path / "v")


@pytest.mark.parametrize(
    "word",
    [
        pytest.param("http://t.co/x1", id="address of the web"),
        pytest.param("WWW.example.org", id="address without a protocol"),
        pytest.param("bit.ly/2x", id="short address"),
        pytest.param("@ada_l", id="handle"),
        pytest.param("ada.l@example.org", id="address of mail"),
        pytest.param("+44-20-7946-0018", id="telephone"),
        pytest.param("(020)7946-0018", id="telephone with brackets"),
        pytest.param("07700900123", id="mobile"),
    ],
)
def test_private_words_are_known(word):
    assert is_private(word)


@pytest.mark.parametrize(
    "word",
    [
        pytest.param("@", id="at"),
        pytest.param("London", id="name"),
        pytest.param("1,204.50", id="amount"),
        pytest.param("2026", id="year"),
        pytest.param("000-0000-0000", id="digits as 0"),
        pytest.param("and/or", id="slash"),
        pytest.param("U.S.", id="abbreviation"),
        pytest.param("...", id="dots"),
    ],
)
def test_other_words_are_not_private(word):
    assert not is_private(word)


def test_private_words_are_left_out_and_the_others_kept(sample_model, tmp_path):
    cost = export(sample_model, out=tmp_path / "m", compact=True, leave_out=["from"]).compact
    small = load_model(tmp_path / "m")
    kept = set(small.featurizer.vectors.words)
    assert {"paris", "rome", "mail", "london", "quokka"} <= kept
    assert not kept & {"from", "ada@example.org", "020-7946-0018", "http://a.example/b", "@ada"}
    assert small.featurizer.words.entries == ()
    assert cost.words_left_out == 5
    assert cost.bytes_after == sum(
        p.stat().st_size for p in (tmp_path / "m").rglob("*") if p.is_file()
    )


def test_a_compact_model_gives_the_answers_of_the_full_one_up_to_rounding(sample_model, tmp_path):
    export(sample_model, out=tmp_path / "m", compact=True)
    full, small = load_model(sample_model), load_model(tmp_path / "m")
    assert small.compact and not full.compact
    words = ["Paris", "mail", "LONDON", "unseen", "Quokka"]
    rows = [
        TorchRuntime(load_network(m)).word_rows(m.featurizer.encode_words(words))
        for m in (full, small)
    ]
    assert np.abs(rows[0] - rows[1]).max() < 0.05
    onnx_rows = OnnxRuntime(tmp_path / "m", small.task).word_rows(
        small.featurizer.encode_words(words)
    )
    assert np.abs(rows[1] - onnx_rows).max() < 1e-5


def test_no_second_copy_of_a_matrix_is_written(sample_model, tmp_path):
    export(sample_model, out=tmp_path / "m", compact=True)
    graph = onnx.load(tmp_path / "m" / MODEL_GRAPH, load_external_data=False).graph
    inside = {t.name: np.prod(t.dims) for t in graph.initializer if not t.external_data}
    assert max(inside.values()) < 1024
    header = SafetensorsHeader.read(tmp_path / "m" / WEIGHTS)
    large = [
        a
        for a in header.arrays.values()
        if "shape" in a and np.prod(a["shape"]) >= 1024 and len(a["shape"]) == 2
    ]
    assert {a["dtype"] for a in large} == {"I8"}


def test_exporting_a_compact_model_again_changes_no_byte(sample_model, tmp_path):
    export(sample_model, out=tmp_path / "one", compact=True)
    export(tmp_path / "one", out=tmp_path / "two")
    for path in (tmp_path / "one").rglob("*"):
        if path.is_file():
            assert (
                path.read_bytes()
                == (tmp_path / "two" / path.relative_to(tmp_path / "one")).read_bytes()
            )


def test_the_full_model_has_format_1_and_the_compact_one_format_2(sample_model, tmp_path):
    export(sample_model, out=tmp_path / "m", compact=True)
    found = [
        ner.files.read_json(p / "manifest.json")["format"] for p in (sample_model, tmp_path / "m")
    ]
    assert found == [1, 2]


def test_a_compact_model_can_be_trained_further_and_computed_in_int8(sample_model, tmp_path):
    export(sample_model, out=tmp_path / "m", compact=True, int8=True)
    assert isinstance(ner.load(tmp_path / "m", precision="int8"), ner.Tagger)
    more = [Sentence(["Tea", "in", "Oslo"], spans=[(2, 3, "LOC")])]
    tagger, _ = ner.train(
        train=more,
        dev=more,
        init=tmp_path / "m",
        out=tmp_path / "run",
        training={"epochs": 1, "threads": 1},
        progress=False,
    )
    assert "oslo" in tagger.featurizer.words
    assert tagger.featurizer.vectors.find(["paris"])[0] >= 0


def test_scales_that_do_not_fit_are_refused(sample_model, tmp_path):
    from safetensors.numpy import load_file, save_file

    export(sample_model, out=tmp_path / "m", compact=True)
    arrays = load_file(tmp_path / "m" / WEIGHTS)
    name = next(name for name in arrays if name.endswith(".scales"))
    arrays[name] = arrays[name][:-1]
    save_file(arrays, tmp_path / WEIGHTS)
    with pytest.raises(ner.ModelFolderError, match="must be rows of int8, each with a scale"):
        dict(ner.model_folder.StoredWeights(tmp_path / WEIGHTS))
