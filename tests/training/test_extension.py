"""New types for a model: what the old model completes, what is scored, and what is refused."""

import itertools
import json
from collections import Counter

import numpy as np
import pytest

import ner
from ner.crf.forward_backward import Edges
from ner.crf.span_lattice import SpanLattice
from ner.data.schemes import Span, spans_from_tags
from ner.data.sentence import Sentence
from ner.errors import ConfigError, DataError, ModelFolderError
from ner.inference.loading import load
from ner.training import extension
from ner.training.completion import completed, opened
from ner.training.extension import Extension, TypeScore, compared, extend

TINY = {
    "words.size": 8,
    "characters.size": 4,
    "characters.output_size": 4,
    "affixes.rows": 64,
    "encoder.size": 8,
    "training.epochs": 12,
    "training.batch_size": 4,
    "training.learning_rate": 0.02,
    "training.threads": 1,
    "training.device": "cpu",
    "training.export": False,
}
FIRST = ["Awa", "Fatou", "Binta", "Moussa"]
TOWNS = ["Thies", "Mbour", "Kolda", "Dakar"]
OLD = [
    Sentence([name, "left", town, "."], spans=[(0, 1, "PER"), (2, 3, "LOC")])
    for name in FIRST
    for town in TOWNS
]
NEW = [
    Sentence([name, "drank", drink, "in", town, "."], spans=[(2, 3, "DRINK")])
    for name, town in zip(FIRST, TOWNS, strict=True)
    for drink in ("Milk", "Bissap", "Tea")
]


@pytest.fixture(scope="module")
def old(tmp_path_factory):
    """Train a model of persons and places."""
    out = tmp_path_factory.mktemp("old")
    ner.train(out=out, train=OLD, dev=OLD, progress=False, set=TINY)
    return out / "model"


def more(**changes):
    training = {name: TINY[name] for name in TINY if name.startswith("training.")}
    return {"set": training | changes, "progress": False, "notify": lambda _: None}


def test_copies_keep_new_entities_and_have_old_ones_as_often_as_they_are_probable(old):
    model = load(old)
    sentence = Sentence(["Awa", "left", "Thies", "."], spans=[(0, 1, "DRINK")])
    found = completed(model, [sentence], draws=400, seed=3)
    assert len(found) == 400
    assert {copy.spans[0] for copy in found} == {Span(0, 1, "DRINK")}
    place = Span(2, 3, "LOC")
    # The draws obey that token 0 is in no old entity, so their shares are conditional.
    allowed = np.ones((1, 4, len(model.task.tags)), dtype=bool)
    allowed[0, 0] = [tag == "O" for tag in model.task.tags]
    scores = model.task.emissions({"emissions": model.emissions([sentence])[0][None]})
    emissions = np.where(allowed, scores, -np.inf)
    ((share,),) = model.lattice.span_posteriors(emissions, np.array([4]), [[place]])
    drawn = sum(place in copy.spans for copy in found) / 400
    assert drawn == pytest.approx(share, abs=4 * (share * (1 - share) / 400) ** 0.5 + 1e-9)
    assert found == completed(model, [sentence], draws=400, seed=3)


def test_without_draws_the_best_old_entities_are_added(old):
    sentence = Sentence(["Awa", "left", "Thies", "."], spans=[(0, 1, "DRINK")])
    (found,) = completed(load(old), [sentence])
    assert found.spans == (Span(0, 1, "DRINK"), Span(2, 3, "LOC"))
    assert completed(load(old), [Sentence([], spans=())])[0].spans == ()


def test_where_new_types_are_unknown_only_old_entities_are_fixed():
    found = opened(Sentence(["a", "b"], spans=[(1, 2, "A")]), ["N"])
    assert found.allowed == (("O", "B-N", "I-N", "E-N", "S-N"), ("S-A",))


def test_draws_are_legal_and_allowed_and_as_frequent_as_their_paths_are_probable():
    random = np.random.default_rng(1)
    edges = Edges(random.normal(size=3), random.normal(size=(3, 3)), random.normal(size=3))
    lattice = SpanLattice(*edges, ("O", "B-A", "I-A"), "BIO")
    emissions = random.normal(size=(3, 3))
    allowed = np.ones((3, 3), dtype=bool)
    allowed[1, 1] = False
    shares = {}
    for path in np.ndindex(3, 3, 3):
        steps = list(itertools.pairwise(path))
        if path[0] == 2 or (0, 2) in steps or not allowed[range(3), path].all():
            continue
        score = edges.start[path[0]] + edges.end[path[2]] + emissions[range(3), path].sum()
        score += sum(edges.transitions[step] for step in steps)
        spans = tuple(spans_from_tags([lattice.tags[tag] for tag in path]))
        shares[spans] = np.exp(score)
    drawn = Counter(lattice.sample(np.where(allowed, emissions, -np.inf), 4000, random))
    assert drawn.keys() <= shares.keys()
    for spans, share in shares.items():
        assert drawn[spans] / 4000 == pytest.approx(share / sum(shares.values()), abs=0.03)


def test_a_model_learns_a_new_type_and_keeps_the_old_ones(old, tmp_path):
    said = []
    options = more() | {"notify": said.append}
    found = extend(old, NEW, ["DRINK"], dev=NEW, old_dev=OLD, out=tmp_path / "r", **options)
    assert found.predictor.labels == ("LOC", "PER", "DRINK")
    assert found.new["DRINK"] == TypeScore(None, 1.0, 12)
    assert found.old["all old types"].before == pytest.approx(1.0)
    assert found.old["all old types"].support == 32
    assert found.measured_on_gold
    assert found.fallen == []
    assert not any("Warning" in line for line in said)
    assert json.loads((tmp_path / "r" / "extension.json").read_text()) == found.to_dict()
    names = [span.label for span in found.predictor.tag_tokens(NEW[0].tokens).prediction.spans]
    assert names == ["PER", "DRINK", "LOC"]
    assert str(found).splitlines()[0].split() == ["F1", "before", "after", "change", "entities"]


def test_training_gets_copies_and_old_data_with_the_new_types_open(old, tmp_path, monkeypatch):
    given = {}

    def stop(*arguments, sources, **options):
        given.update(sources, **options)
        raise InterruptedError

    monkeypatch.setattr(extension, "run_training", stop)
    other = [Sentence(["Tea", "Awa"], spans=[(0, 1, "DRINK"), (1, 2, "PER")])] * 20
    with pytest.raises(InterruptedError):
        extend(old, other, ["DRINK"], old=OLD[:1], out=tmp_path / "r", **more())
    assert len(given["dev"]) == 2
    assert len(given["train"]) == 18 * 5 + 1
    assert Span(0, 1, "DRINK") in given["train"][0].spans
    unknown = ("O", "B-DRINK", "I-DRINK", "E-DRINK", "S-DRINK")
    assert given["train"][-1].allowed == (("S-PER",), unknown, ("S-LOC",), unknown)
    assert given["init"] == old


def test_without_old_development_data_the_old_model_decides_beside_new_entities(old, tmp_path):
    found = extend(old, NEW, ["DRINK"], dev=NEW, out=tmp_path / "r", **more())
    assert not found.measured_on_gold
    gold = completed(load(old), NEW)
    assert found.old["PER"].support == sum(s.label == "PER" for g in gold for s in g.spans)
    assert "gold is what the old model finds beside new entities" in str(found)


def test_a_type_that_falls_by_more_than_one_point_is_named():
    scores = {"A": TypeScore(0.9, 0.889, 5), "B": TypeScore(0.9, 0.891, 5)}
    assert Extension(None, None, scores, {}, True).fallen == ["A"]


def test_scores_are_those_of_each_type_before_and_after():
    gold = [Sentence(["a", "b"], spans=[(0, 1, "A"), (1, 2, "B")])]
    after = [Sentence(["a", "b"], spans=[(0, 1, "A"), (1, 2, "N")])]
    found = compared(["A", "B"], gold, gold, after)
    assert found["A"] == TypeScore(1.0, 1.0, 1)
    assert found["B"] == TypeScore(1.0, 0.0, 1)
    assert found["all old types"] == TypeScore(1.0, 2 / 3, 2)


@pytest.mark.parametrize(
    ("types", "new", "error", "words"),
    [
        pytest.param([], NEW, ConfigError, "must name the new types. Got none", id="no type"),
        pytest.param(["PER"], NEW, ConfigError, "which knows LOC, PER. Got 'PER'", id="known"),
        pytest.param(["DOSE"], NEW, DataError, "must mark entities of DOSE. Got none", id="absent"),
        pytest.param(
            ["DRINK"],
            [Sentence(["a"], allowed=[()])],
            DataError,
            "data must have tags. Got partial ones",
            id="partial",
        ),
    ],
)
def test_wrong_types_and_data_are_refused(old, tmp_path, types, new, error, words):
    with pytest.raises(error, match=words):
        extend(old, new, types, out=tmp_path / "r", **more())


def test_a_model_of_whole_texts_gets_no_new_types(tmp_path):
    texts = [Sentence(["good"], labels=["a"]), Sentence(["bad"], labels=["b"])]
    ner.train(out=tmp_path, train=texts, dev=texts, progress=False, task="classify", set=TINY)
    with pytest.raises(ModelFolderError, match="must hold a model that finds spans"):
        extend(tmp_path / "model", NEW, ["DRINK"], **more())
