"""The recognizer for Presidio, in an analyzer of Presidio itself."""

import pytest

import ner
from ner.errors import ConfigError, ModelFolderError

pytest.importorskip("presidio_analyzer", reason="needs Presidio")

import spacy
from presidio_analyzer import (
    AnalyzerEngine,
    EntityRecognizer,
    RecognizerRegistry,
    RecognizerResult,
)
from presidio_analyzer.nlp_engine import SpacyNlpEngine

from ner.presidio import LatticeRecognizer

NAMES = {"PER": "PERSON", "LOC": "LOCATION", "ORG": "ORGANIZATION", "MISC": "MISC"}


class BlankEngine(SpacyNlpEngine):
    """An engine that cuts texts into tokens, and finds nothing."""

    def __init__(self):
        super().__init__()
        self.nlp = {"en": spacy.blank("en")}


@pytest.fixture(scope="module")
def text():
    sentences = [s for s in ner.read_sentences("sample:train") if s.spans][:20]
    return " ".join(s.text for s in sentences)


@pytest.fixture(scope="module")
def recognizer(tiny_model):
    return LatticeRecognizer(str(tiny_model))


def analyzer(recognizer):
    registry = RecognizerRegistry(recognizers=[recognizer], supported_languages=["en"])
    return AnalyzerEngine(registry, BlankEngine(), supported_languages=["en"])


def places(results):
    return [(r.entity_type, r.start, r.end, r.score) for r in results]


def test_it_is_a_recognizer_of_presidio(recognizer):
    assert isinstance(recognizer, EntityRecognizer)
    assert recognizer.get_supported_entities() == ["LOCATION", "MISC", "ORGANIZATION", "PERSON"]
    assert recognizer.get_supported_language() == "en"
    assert recognizer.name == "LatticeRecognizer"


def test_results_are_the_entities_of_the_model_with_their_probability(
    recognizer, tiny_tagger, text
):
    entities = tiny_tagger.tag(text).entities
    assert len(entities) > 10
    expected = [(NAMES[e.label], e.start, e.end, e.score) for e in entities]
    assert places(recognizer.analyze(text, [])) == expected


def test_only_types_that_are_asked_for_are_returned(recognizer, text):
    everything = recognizer.analyze(text, recognizer.supported_entities)
    some = recognizer.analyze(text, ["PERSON", "EMAIL_ADDRESS"])
    assert places(some) == [r for r in places(everything) if r[0] == "PERSON"]
    assert 0 < len(some) < len(everything)


def test_types_have_the_names_that_a_user_gives_them(tiny_model, text):
    types = {"PER": "NAME", "MISC": None}
    recognizer = LatticeRecognizer(str(tiny_model), types=types)
    assert recognizer.supported_entities == ["LOCATION", "NAME", "ORGANIZATION"]
    assert {r.entity_type for r in recognizer.analyze(text, [])} <= {*recognizer.supported_entities}


def test_entities_below_a_score_are_left_out(tiny_model, recognizer, text):
    everything = places(recognizer.analyze(text, []))
    bound = sorted(r[3] for r in everything)[len(everything) // 2]
    found = LatticeRecognizer(str(tiny_model), min_score=bound).analyze(text, [])
    assert places(found) == [r for r in everything if r[3] >= bound]
    found = LatticeRecognizer(str(tiny_model), min_score={"PER": bound}).analyze(text, [])
    assert places(found) == [r for r in everything if r[0] != NAMES["PER"] or r[3] >= bound]
    with pytest.raises(ner.ConfigError, match="must name labels of the model"):
        LatticeRecognizer(str(tiny_model), min_score={"PERSON": bound})


def test_a_text_is_tagged_by_sentences_if_asked_for(tiny_model, tiny_tagger, text):
    split = ner.SentenceSplitter()
    found = LatticeRecognizer(str(tiny_model), split=split).analyze(text, [])
    alone = tiny_tagger.tag(text, split=split).entities
    assert places(found) == [(NAMES[e.label], e.start, e.end, e.score) for e in alone]


def test_rules_bind_the_model(tiny_model, tiny_tagger, text):
    rules = {"rules": [{"name": "in", "label": "ORG", "patterns": [r"\bin\b"]}]}
    bound = ner.Rules.from_dict(rules)
    found = places(LatticeRecognizer(str(tiny_model), rules=bound).analyze(text, []))
    expected = tiny_tagger.tag(text, rules=bound).entities
    assert found == [(NAMES[e.label], e.start, e.end, e.score) for e in expected]
    assert ("ORGANIZATION", 1.0) in [(name, score) for name, _, _, score in found]
    rules["rules"][0]["label"] = "WORD"
    with pytest.raises(ConfigError, match=r"must be one of the model's labels .* Got 'WORD'\."):
        LatticeRecognizer(str(tiny_model), rules=ner.Rules.from_dict(rules))


def test_an_analyzer_of_presidio_returns_the_results(recognizer, text):
    found = analyzer(recognizer).analyze(text, "en", return_decision_process=True)
    expected = {place for place in places(recognizer.analyze(text, [])) if place[3] > 0}
    assert set(places(found)) == expected
    first = found[0]
    assert first.recognition_metadata[RecognizerResult.RECOGNIZER_NAME_KEY] == "LatticeRecognizer"
    assert first.analysis_explanation.original_score == first.score
    assert f"{first.score:.3f}" in first.analysis_explanation.textual_explanation


def test_an_analyzer_passes_on_types_and_threshold(recognizer, text):
    people = places(recognizer.analyze(text, ["PERSON"]))
    bound = sorted(place[3] for place in people)[len(people) // 2]
    found = analyzer(recognizer).analyze(text, "en", entities=["PERSON"], score_threshold=bound)
    assert sorted(places(found)) == sorted(place for place in people if place[3] >= bound)
    assert 0 < len(found) < len(people)


def test_a_type_that_the_model_does_not_know_is_refused(tiny_model):
    words = "types: must be types of the model: LOC, MISC, ORG, PER. Got 'PERS'. Did you mean 'PER'"
    with pytest.raises(ConfigError, match=words):
        LatticeRecognizer(str(tiny_model), types={"PERS": "PERSON"})


def test_a_missing_model_is_told():
    with pytest.raises(ModelFolderError, match="none: no such folder"):
        LatticeRecognizer("none")
