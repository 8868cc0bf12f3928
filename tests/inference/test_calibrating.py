"""The temperature of a tagger is fitted on annotated sentences, and kept with the model."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest

import ner
from ner.crf.forward_backward import sum_paths
from ner.crf.paths import sample
from ner.data.schemes import Span, spans_from_tags, tags_from_spans
from ner.data.sentence import Sentence
from ner.errors import ConfigError, DataError
from ner.evaluation.calibration import GREATEST, LEAST, lowest
from ner.evaluation.span_calibration import entity_decisions, reliability
from ner.files import read_json
from ner.messages import ignore
from ner.model_folder import load_model
from ner.testing import check_model
from tests.tolerance import small_model_bound


def emissions_of(model, sentences):
    """Return the scores of tags of each sentence (T C)."""

    def take(outputs, lengths):
        return [outputs["emissions"][b, :n] for b, n in enumerate(lengths.tolist())]

    return model.runner.run(sentences, take, None)


def drawn(model, temperature, count=12):
    """Annotate sentences as the model does at a temperature, at random."""
    sentences = [s for s in ner.read_sentences("sample:dev") if len(s) > 3][:40]
    lattice = replace(model.task, temperature=temperature).lattice(model.runtime.edges)
    random, found = np.random.default_rng(1), []
    for sentence, scores in zip(sentences, emissions_of(model, sentences), strict=True):
        lengths = np.array([len(sentence)])
        sums = sum_paths(scores[None] / temperature, lengths, lattice.edges)
        uniform = random.random((count, 1, len(sentence)))
        for path in sample(sums.alphas, lengths, lattice.edges, uniform)[:, 0]:
            spans = spans_from_tags([model.task.tags[tag] for tag in path])
            found.append(Sentence(sentence.tokens, spans=spans))
    return found


@pytest.mark.parametrize("temperature", [0.6, 1.0, 3.0])
def test_the_temperature_that_made_the_annotation_is_found(tiny_tagger, temperature):
    sentences = drawn(tiny_tagger, temperature)
    fitted, calibration = tiny_tagger.calibrated(sentences, ignore)
    assert calibration.temperature == pytest.approx(temperature, rel=0.1)
    assert fitted.task.temperature == calibration.temperature
    assert calibration.sentences == len(sentences)
    assert calibration.loss_after <= calibration.loss_before + 1e-9
    again, same = fitted.calibrated(sentences, ignore)
    assert same == calibration  # the temperature before plays no part
    found = fitted.tag_sentences(sentences)
    own = reliability(entity_decisions(sentences, found))
    assert own.ece == pytest.approx(calibration.ece_after, abs=small_model_bound())
    assert again.task == fitted.task


def test_the_loss_is_that_of_all_paths(tiny_tagger):
    gold = Sentence(["Awa", "left", "Dakar"], spans=[Span(0, 1, "PER"), Span(2, 3, "LOC")])
    _, found = tiny_tagger.calibrated([gold], ignore)
    (scores,) = emissions_of(tiny_tagger, [gold])
    tags, scheme = tiny_tagger.task.tags, tiny_tagger.task.scheme
    path = [tags.index(tag) for tag in tags_from_spans(gold.spans, 3, scheme)]
    for temperature, loss in ((1.0, found.loss_before), (found.temperature, found.loss_after)):
        edges = replace(tiny_tagger.task, temperature=temperature).lattice(
            tiny_tagger.runtime.edges
        )
        cool = scores.astype(float) / temperature
        score = edges.start[path[0]] + cool[[0, 1, 2], path].sum() + edges.end[path[-1]]
        score += edges.transitions[path[0], path[1]] + edges.transitions[path[1], path[2]]
        sums = edges.start + cool[0]
        for t in (1, 2):
            sums = np.logaddexp.reduce(sums[:, None] + edges.transitions, axis=0) + cool[t]
        log_z = np.logaddexp.reduce(sums + edges.end)
        assert loss == pytest.approx(log_z - score, rel=1e-6)


@pytest.mark.parametrize(
    ("loss", "temperature"),
    [
        pytest.param(lambda t: 0.0, 1.0, id="no data"),
        pytest.param(lambda t: 1e6 * (1 / t - 0.5) ** 2, 2.0, id="much data"),
        pytest.param(lambda t: 1e9 / t, GREATEST, id="always wrong"),
        pytest.param(lambda t: -1e9 / t, LEAST, id="always right"),
        # With x = 1 / t, the loss 8 * (x - 0.5)^2 and the penalty 8 * (x - 1)^2 balance at 0.75.
        pytest.param(lambda t: 8 * (1 / t - 0.5) ** 2, 4 / 3, id="as much as nothing known"),
    ],
)
def test_few_data_move_the_temperature_little(loss, temperature):
    assert lowest(loss) == pytest.approx(temperature, rel=4e-3)


def test_sentences_with_unknown_labels_and_without_tokens_are_left_out(tiny_tagger):
    known = Sentence(["Awa"], spans=[Span(0, 1, "PER")])
    other = Sentence(["Awa"], spans=[Span(0, 1, "ANIMAL")])
    lines = []
    _, found = tiny_tagger.calibrated([known, other, Sentence([], spans=[])], lines.append)
    assert found.sentences == 1
    assert lines == ["dev: 1 sentences have labels that training lacks; none fits on them."]
    assert tiny_tagger.calibrated([other], ignore) == (tiny_tagger, None)


def test_sentences_without_entities_are_fitted_on_too(tiny_tagger):
    _, found = tiny_tagger.calibrated([Sentence(["it", "rains", "."], spans=[])], ignore)
    assert found.ece_before == found.ece_after == 0
    assert math.isfinite(found.loss_after)


def test_the_probabilities_of_tags_are_those_of_all_paths(tiny_tagger):
    sentence = Sentence(["Awa", "left", "Dakar"])
    model = replace(tiny_tagger, task=replace(tiny_tagger.task, temperature=2.5))
    (scores, empty) = model.tag_scores([sentence, Sentence([])])
    assert empty == ()
    taggings = model.nbest(sentence, 10**4)
    assert sum(each.prediction.probability for each in taggings) == pytest.approx(1)
    (found,) = model.tag_sentences([sentence])
    scheme = model.task.scheme
    best = tags_from_spans(found.prediction.spans, 3, scheme)
    for t, score in enumerate(scores):
        shares = [
            each.prediction.probability
            for each in taggings
            if tags_from_spans(each.prediction.spans, 3, scheme)[t] == best[t]
        ]
        assert score == pytest.approx(sum(shares))


def test_training_keeps_the_temperature_in_the_model(tiny_run, tiny_model):
    facts, record = read_json(tiny_model / "labels.json"), load_model(tiny_model).record
    assert facts["temperature"] == record["calibration"]["temperature"] != 1
    assert record["calibration"]["sentences"] == 5
    assert "calibrated on the development data" in (tiny_model / "README.md").read_text()


@pytest.fixture(scope="module")
def calibrated(tiny_model, tmp_path_factory):
    """Calibrate the small tagger at another temperature; return the new folder."""
    out = tmp_path_factory.mktemp("calibrated") / "model"
    model = ner.load(tiny_model)
    ner.calibrate(model, drawn(model, 3.0), out, notify=ignore)
    return out


def test_a_model_is_calibrated_again_and_changes_nothing_else(tiny_model, calibrated):
    old, new = ner.load(tiny_model), ner.load(calibrated)
    assert new.task.temperature == pytest.approx(3.0, rel=0.1)
    assert new.task.temperature == new.record["calibration"]["temperature"]
    digests = [read_json(f / "manifest.json")["files"] for f in (tiny_model, calibrated)]
    changed = {name for name in digests[0] if digests[0][name] != digests[1][name]}
    assert (changed, digests[0].keys()) == ({"labels.json"}, digests[1].keys())
    sentences = ner.read_sentences("sample:dev")
    pairs = zip(old.tag_sentences(sentences), new.tag_sentences(sentences), strict=True)
    assert all(one.prediction.spans == other.prediction.spans for one, other in pairs)


def test_a_calibrated_model_keeps_every_promise(calibrated):
    assert not check_model(ner.load(calibrated)).failures


def test_every_way_of_running_and_copying_keeps_the_temperature(calibrated, tmp_path):
    temperature = ner.load(calibrated).task.temperature
    text = "Awa Badjie was born in Ziguinchor."
    expected = [entity.score for entity in ner.load(calibrated).tag(text).entities]
    assert expected
    ner.export(calibrated, out=tmp_path / "int8", int8=True)
    ner.export(calibrated, out=tmp_path / "compact", compact=True)
    ner.rename(calibrated, {"PER": "PERSON"}, tmp_path / "renamed")
    for name, options, bound in (
        ("renamed", {}, 1e-6),
        ("renamed", {"runtime": "torch"}, 1e-4),
        ("int8", {"precision": "int8"}, 0.1),
        ("compact", {}, 0.1),
    ):
        model = ner.load(tmp_path / name, **options)
        assert model.task.temperature == temperature
        scores = [entity.score for entity in model.tag(text).entities]
        assert scores == pytest.approx(expected, abs=bound)


def test_with_constraints_scores_are_probabilities_at_the_temperature(calibrated):
    model = ner.load(calibrated)
    text = "Awa left"
    free = {
        tuple(each.prediction.spans): each.prediction.probability
        for each in model.nbest(text, 10**4)
    }
    found = model.tag(text, forbidden=[(0, 3, "PER")])
    allowed = {
        spans: share
        for spans, share in free.items()
        if not any(span.label == "PER" and span.start == 0 for span in spans)
    }
    for span, score in zip(found.prediction.spans, found.prediction.scores, strict=True):
        own = sum(share for spans, share in allowed.items() if span in spans)
        assert score == pytest.approx(own / sum(allowed.values()))


@pytest.mark.parametrize(
    ("sentences", "message"),
    [
        pytest.param(
            [Sentence(["a"], spans=[(0, 1, "ANIMAL")])],
            "sentences: must hold sentences with labels of the model. Got none.",
            id="unknown labels",
        ),
        pytest.param([Sentence(["a"])], "dev data must have tags. Got none.", id="no tags"),
    ],
)
def test_data_without_annotation_are_refused(tiny_tagger, tmp_path, sentences, message):
    with pytest.raises(DataError, match=message):
        ner.calibrate(tiny_tagger, sentences, tmp_path / "new", notify=ignore)
    assert not (tmp_path / "new").exists()


def test_only_a_model_from_a_folder_is_calibrated_into_another(tiny_tagger, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").write_text("x")
    with pytest.raises(ConfigError, match="must be a new or empty folder"):
        ner.calibrate(tiny_tagger, [], tmp_path / "full")
    with pytest.raises(ConfigError, match=r"must come from a folder, by ner\.load\(\)"):
        ner.calibrate(replace(tiny_tagger), [], tmp_path / "new")


def test_a_record_goes_through_json(calibrated):
    record = load_model(calibrated).record["calibration"]
    assert json.loads(json.dumps(record)) == record
