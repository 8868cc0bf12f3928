"""Scores of paths are divided by a temperature: probabilities change, and best paths do not."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ner.crf import kernel
from ner.crf.forward_backward import Edges
from ner.data.schemes import spans_from_tags, tag_set, tags_from_spans
from ner.data.sentence import Sentence
from ner.schema import SchemaError
from ner.tasks import SpanTask, TokenTask

TEMPERATURES = pytest.mark.parametrize("temperature", [0.3, 1.0, 2.5])
LENGTHS = np.array([3, 1, 4])
SPANS = SpanTask(tuple(tag_set("XY", "BIO")), "BIO")
TOKENS = TokenTask("upos", ("A", "B", "C"))


def random_scores(count, scale=1.0, seed=1, lengths=LENGTHS):
    """Make scores of steps and of tags."""
    random = np.random.default_rng(seed)
    edges = Edges(*(scale * random.normal(size=s) for s in (count, (count, count), count)))
    size = (len(lengths), max(lengths), count)
    return edges, (scale * random.normal(size=size)).astype(np.float32)


def at(task, temperature):
    return type(task).from_dict({**task.to_dict(), "temperature": temperature})


def path_shares(task, edges, emissions, length, temperature):
    """List all legal paths, and the share of each in the sum of exp(score / temperature)."""
    paths, scores = [], []
    for path in itertools.product(range(len(task.outputs)), repeat=length):
        tags = [task.outputs[i] for i in path]
        if isinstance(task, SpanTask):
            spans = spans_from_tags(tags)
            if tags_from_spans(spans, length, task.scheme) != tags:
                continue
        score = edges.start[path[0]] + edges.end[path[-1]]
        score += sum(edges.transitions[a, b] for a, b in itertools.pairwise(path))
        score += sum(float(emissions[t, i]) for t, i in enumerate(path))
        paths.append(tags)
        scores.append(score / temperature)
    shares = np.exp(np.array(scores) - max(scores))
    return paths, shares / shares.sum()


@TEMPERATURES
@pytest.mark.parametrize("way", ["compiled", "numpy"])
def test_the_score_of_an_entity_is_its_share_at_the_temperature(temperature, way, monkeypatch):
    if way == "numpy":
        monkeypatch.setattr(kernel, "library", None)
    edges, emissions = random_scores(len(SPANS.tags))
    found = at(SPANS, temperature).decode(edges)({"emissions": emissions}, LENGTHS)
    for b, length in enumerate(LENGTHS):
        paths, shares = path_shares(SPANS, edges, emissions[b], length, temperature)
        spans = [spans_from_tags(path) for path in paths]
        assert list(found[b].spans) == spans[shares.argmax()]
        for span, score in zip(found[b].spans, found[b].scores, strict=True):
            assert score == pytest.approx(shares[[span in each for each in spans]].sum())


@TEMPERATURES
def test_the_score_of_a_label_is_its_share_at_the_temperature(temperature):
    edges, emissions = random_scores(3)
    found = at(TOKENS, temperature).decode(edges)({"emissions": emissions}, LENGTHS)
    for b, length in enumerate(LENGTHS):
        paths, shares = path_shares(TOKENS, edges, emissions[b], length, temperature)
        labels, scores = found[b].columns["upos"], found[b].column_scores["upos"]
        assert list(labels) == paths[shares.argmax()]
        for t, score in enumerate(scores):
            of_label = [path[t] == labels[t] for path in paths]
            assert score == pytest.approx(shares[of_label].sum())


@pytest.mark.parametrize("task", [SPANS, TOKENS], ids=["spans", "tokens"])
@pytest.mark.parametrize("way", ["compiled", "numpy"])
@TEMPERATURES
def test_the_likelihood_of_a_path_is_its_share(task, way, temperature, monkeypatch):
    if way == "numpy":
        monkeypatch.setattr(kernel, "library", None)
    edges, emissions = random_scores(len(task.outputs))
    cooled = at(task, temperature)
    paths, shares = path_shares(task, edges, emissions[0], 3, temperature)
    tags = np.array([[task.outputs.index(tag) for tag in path] for path in paths])
    scores = np.repeat(cooled.emissions({"emissions": emissions})[:1, :3], len(paths), axis=0)
    found = cooled.lattice(edges).log_likelihood(scores, np.full(len(paths), 3), tags)
    assert np.exp(found) == pytest.approx(shares)
    assert np.exp(found).sum() == pytest.approx(1)


@pytest.mark.parametrize("task", [SPANS, TOKENS], ids=["spans", "tokens"])
@pytest.mark.parametrize("way", ["compiled", "numpy"])
@given(data=st.data())
def test_what_is_predicted_does_not_depend_on_the_temperature(task, way, data):
    seed = data.draw(st.integers(0, 10**6))
    scale = data.draw(st.sampled_from([0.1, 3.0, 400.0]))
    temperature = data.draw(st.floats(1e-6, 1e6))
    lengths = np.array([*data.draw(st.lists(st.integers(0, 12), min_size=1, max_size=4)), 1])
    edges, emissions = random_scores(len(task.outputs), scale, seed, lengths)
    with pytest.MonkeyPatch.context() as patch:
        if way == "numpy":
            patch.setattr(kernel, "library", None)
        before = task.decode(edges)({"emissions": emissions}, lengths)
        after = at(task, temperature).decode(edges)({"emissions": emissions}, lengths)
    for one, other in zip(before, after, strict=True):
        assert (one.spans, one.columns) == (other.spans, other.columns)
        scores = [*other.scores, *itertools.chain(*other.column_scores.values())]
        assert all(0 <= score <= 1 for score in scores)


@pytest.mark.parametrize("task", [SPANS, TOKENS], ids=["spans", "tokens"])
def test_models_of_older_versions_have_the_temperature_one(task):
    facts = task.to_dict()
    assert facts.pop("temperature") == 1
    assert type(task).from_dict(facts) == task


@pytest.mark.parametrize("task", [SPANS, TOKENS], ids=["spans", "tokens"])
@pytest.mark.parametrize("temperature", [0, -1, 1e7, None], ids=["zero", "negative", "large", "no"])
def test_a_temperature_is_a_positive_number(task, temperature):
    with pytest.raises(SchemaError, match=r"labels\.json: temperature must be a finite number"):
        at(task, temperature)


def test_new_names_keep_the_temperature_and_new_labels_do_not():
    spans, tokens = at(SPANS, 2.5), at(TOKENS, 2.5)
    assert spans.renamed({"X": "Z"}).temperature == tokens.renamed({"A": "Z"}).temperature == 2.5
    assert spans.extended([Sentence(["a"], spans=[(0, 1, "Z")])]).temperature == 1
    assert tokens.extended([Sentence(["a"], columns={"upos": ("D",)})]).temperature == 1
