"""Rules as constraints: what a model finds among the results that obey them."""

import itertools
import pickle
from dataclasses import replace

import numpy as np
import pytest

import ner
from ner.data.schemes import legal_steps, spans_from_tags
from ner.errors import ConfigError
from ner.rules.rule import Rule
from tests.tolerance import small_model_bound

TEXT = "Awa Badjie was born in Ziguinchor."
RULES = ner.Rules(
    [
        Rule("births", "LOC", ("was born",)),
        Rule("towns", "LOC", patterns=(r"\bZig\w+",), never=True),
        Rule("nobody", None, ("Badjie in", "Nobody"), never=True),
    ]
)
TEXTS = [TEXT, "", "Nobody was born .", "Badjie in Dakar", "He left.", *["Awa was born"] * 3]


def found(sentence):
    return [(e.text, e.label) for e in sentence.entities]


def legal_paths(tagger, length):
    """Yield the tags of each legal path with its score, without the CRF's own sums."""
    task, edges = tagger.task, tagger.runtime.edges
    first, after, last = legal_steps(task.tags, task.scheme)
    for path in itertools.product(range(len(task.tags)), repeat=length):
        steps = list(itertools.pairwise(path))
        if first[path[0]] and last[path[-1]] and all(after[step] for step in steps):
            score = edges.start[path[0]] + edges.end[path[-1]]
            yield path, score + sum(edges.transitions[step] for step in steps)


@pytest.mark.parametrize("tokens", ["Awa was born", "Nobody was Ziguinchor", "Badjie in born"])
def test_scores_are_the_shares_of_the_paths_that_obey(tiny_tagger, tokens):
    sentence = ner.Sentence(tokens.split())
    required, forbidden = RULES.constraints(sentence)
    assert required or forbidden
    (emissions,) = tiny_tagger.emissions([sentence])
    scores = {}
    for path, score in legal_paths(tiny_tagger, len(sentence)):
        spans = tuple(spans_from_tags([tiny_tagger.task.tags[tag] for tag in path]))
        barred = any(
            span.start < end and start < span.end and label in (None, span.label)
            for start, end, label in forbidden
            for span in spans
        )
        if set(required) <= set(spans) and not barred:
            score += sum(emissions[t, tag] for t, tag in enumerate(path))
            scores[spans] = score / tiny_tagger.task.temperature
    total = np.logaddexp.reduce(list(scores.values()))
    prediction = tiny_tagger.tag_tokens(tokens.split(), rules=RULES).prediction
    assert prediction.spans == max(scores, key=scores.get)
    for span, probability in zip(prediction.spans, prediction.scores, strict=True):
        having = np.logaddexp.reduce([score for each, score in scores.items() if span in each])
        assert probability == pytest.approx(np.exp(having - total), abs=1e-6)
    best = tiny_tagger.nbest(sentence, k=10_000, rules=RULES)
    assert {s.prediction.spans for s in best} == scores.keys()
    assert best[0].prediction.probability == pytest.approx(
        np.exp(max(scores.values()) - total), abs=1e-6
    )


@pytest.mark.numeric
@pytest.mark.parametrize("batch_tokens", [1, 2048])
def test_a_stream_obeys_rules_as_each_text_alone_does(tiny_tagger, batch_tokens):
    tagged = list(tiny_tagger.pipe(TEXTS, rules=RULES, batch_tokens=batch_tokens))
    for text, sentence in zip(TEXTS, tagged, strict=True):
        alone = tiny_tagger.tag(text, rules=RULES)
        assert (sentence.text, sentence.prediction.spans) == (text, alone.prediction.spans)
        bound = small_model_bound(len(sentence))
        assert sentence.prediction.scores == pytest.approx(alone.prediction.scores, abs=bound)
    assert ("was born", "LOC") in found(tagged[0])
    assert ("Ziguinchor", "LOC") not in found(tagged[0])
    assert found(tagged[2]) == [("was born", "LOC")]
    assert [found(tiny_tagger(text, rules=RULES)) for text in TEXTS] == list(map(found, tagged))


def test_rules_that_match_nothing_change_nothing(tiny_tagger):
    rules = ner.Rules([Rule("none", "PER", ("zebra",))])
    free = tiny_tagger(TEXTS)
    assert tiny_tagger(TEXTS, rules=rules) == free


def test_required_entities_win_against_rules(tiny_tagger):
    tagged = tiny_tagger.tag(TEXT, required=[(11, 14, "PER"), (23, 33, "LOC")], rules=RULES)
    assert [e for e in found(tagged) if e[0] in ("was", "Ziguinchor")] == [
        ("was", "PER"),
        ("Ziguinchor", "LOC"),
    ]


def test_no_sentence_ends_inside_of_a_match(tiny_tagger):
    text = "He saw St. Louis. She left."
    towns, never = Rule("towns", "LOC", ("St. Louis",)), Rule("no", None, ("left",), never=True)
    rules = ner.Rules([towns, never])

    def split(text):
        return [text.index("Louis"), text.index("She")]

    for tagged in (
        tiny_tagger.tag(text, rules=rules, split=split),
        *tiny_tagger.pipe([text, text], rules=rules, split=split),
    ):
        assert tagged.text == text
        assert ("St. Louis", "LOC") in found(tagged)
        assert not any("left" in words for words, _ in found(tagged))


def test_evidence_of_documents_is_used_under_rules(tiny_tagger):
    def correct(evidence):
        """Add so much to the first tag of a span that each token becomes one."""
        correction = np.zeros((len(evidence.is_known), len(tiny_tagger.task.tags)), np.float32)
        correction[:, tiny_tagger.task.tags.index("S-PER")] = 100
        return correction

    correct.temperature = 1.0
    tagger = replace(tiny_tagger, documents=correct)
    sentences = [ner.Sentence(t.split(), document="d") for t in ("He left", "She was born")]
    tagged = list(tagger.pipe(sentences, rules=RULES))
    assert list(map(found, tagged)) == [
        [("He", "PER"), ("left", "PER")],
        [("She", "PER"), ("was born", "LOC")],
    ]


def test_labels_that_the_model_lacks_are_refused_at_once(tiny_tagger):
    rules = ner.Rules([Rule("drugs", "DRUG", ("aspirin",))], "drugs.toml")
    known = ", ".join(tiny_tagger.labels)
    message = f"drugs.toml: rule 'drugs': label: must be one of the model's labels {known}. Got"
    for call in (
        lambda: tiny_tagger.tag("He left", rules=rules),
        lambda: tiny_tagger.tag_tokens(["He"], rules=rules),
        lambda: tiny_tagger.nbest("He left", rules=rules),
        lambda: tiny_tagger.pipe([], rules=rules),
        lambda: tiny_tagger("He left", rules=rules),
    ):
        with pytest.raises(ConfigError) as error:
            call()
        assert str(error.value).startswith(message)


def test_rules_go_to_other_processes_with_a_row_tagger(tiny_model):
    from ner.inference.rows import RowTagger

    tagger = pickle.loads(pickle.dumps(RowTagger(str(tiny_model), rules=RULES)))
    results = tagger(["Awa was born", None])
    assert (4, 12, "LOC") in [row[:3] for row in results.found[0]]
    assert results.found[1] is None
