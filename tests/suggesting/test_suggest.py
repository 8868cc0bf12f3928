import pytest

import ner
from ner.data.sentence import Sentence
from ner.errors import ConfigError, TaskError
from ner.inference.predictor import Predictor

POOL = [
    "Ada Lovelace met Charles Babbage in London.",
    "Ada Lovelace met Charles Babbage in Paris.",
    "The weather is fine today, they say.",
    "Peter Blackburn flew to Brussels on Friday.",
    "Nothing else happened there.",
]


def test_suggestions_are_texts_of_the_pool_with_predictions(tiny_tagger):
    found = ner.suggest(tiny_tagger, POOL, 3)
    assert len(found) == len(found.uncertainty) == 3
    assert {sentence.text for sentence in found} < set(POOL)
    assert list(found) == tiny_tagger.tag_sentences(found.sentences)
    assert (found.pool, found.annotated) == (5, 0)
    assert found.tokens == sum(map(len, found))
    assert found.labels.total() == sum(len(sentence.entities) for sentence in found)
    facts = found.to_dict()
    assert (facts["texts"], facts["tokens"], facts["pool"]) == (3, found.tokens, 5)


def test_of_nearly_equal_texts_one_is_suggested(tiny_tagger):
    found = ner.suggest(tiny_tagger, POOL)
    assert (len(found), found.similar) == (4, 1)
    assert len(ner.suggest(tiny_tagger, POOL, diverse=False)) == 5


def test_no_text_of_the_training_data_is_suggested(tiny_tagger, tmp_path):
    train = tmp_path / "train.jsonl"
    train.write_text('{"text": "Nothing else happened there.", "spans": []}\n', "utf-8")
    for by in ("entropy", "margin", "random"):
        found = ner.suggest(tiny_tagger, POOL, train=train, by=by)
        assert POOL[-1] not in {sentence.text for sentence in found}
        assert found.annotated == 1


def test_the_same_seed_suggests_the_same_texts(tiny_tagger):
    pool = [f"Text {chr(97 + i)} of many" for i in range(20)]
    found = [ner.suggest(tiny_tagger, pool, 5, by="random", seed=seed) for seed in (1, 1, 2)]
    texts = [[sentence.text for sentence in each] for each in found]
    assert texts[0] == texts[1] != texts[2]


def test_sentences_of_texts_are_suggested_by_themselves(tiny_tagger):
    text = "Ada Lovelace lived in London. The weather is fine."
    found = ner.suggest(tiny_tagger, [text], split=ner.SentenceSplitter("en"))
    assert sorted(s.text for s in found) == [
        "Ada Lovelace lived in London.",
        "The weather is fine.",
    ]


def test_gold_annotation_of_a_pool_is_ignored(tiny_tagger):
    sentence = Sentence(["Ada", "left"], spans=[(0, 2, "LAW")], labels=["good"])
    (found,) = ner.suggest(tiny_tagger, [sentence])
    assert (found.spans, found.labels) == (None, None)


@pytest.mark.parametrize("options", [{"n": 0}, {"tokens": 0}], ids=["texts", "tokens"])
def test_a_number_must_be_positive(tiny_tagger, options):
    (name,) = options
    with pytest.raises(ConfigError, match=rf"{name}: must be at least 1\. Got 0\."):
        ner.suggest(tiny_tagger, POOL, **options)


def test_one_text_is_no_pool(tiny_tagger):
    with pytest.raises(TypeError, match="many texts"):
        ner.suggest(tiny_tagger, POOL[0])


def test_other_models_have_no_suggestions(tiny_tagger):
    with pytest.raises(TaskError, match=r"uncertainty: not for a model that "):
        Predictor.uncertainty(tiny_tagger, [], "entropy")
