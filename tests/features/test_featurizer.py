import json

import numpy as np
import pytest

from ner.data.sentence import Sentence, Source
from ner.errors import DataError
from ner.features.featurizer import Featurizer, build_featurizer, rare_forms
from ner.features.vectors import VectorStore
from ner.features.vocabulary import OWN_VECTOR, UNKNOWN

TRAINING = [
    Sentence(["The", "dog", "ran", "in", "1998"], columns={"pos": ("DT", "NN", "VB", "IN", "CD")}),
    Sentence(["the", "dog", "slept"], columns={"pos": ("DT", "NN", "VB")}),
]


@pytest.fixture
def store(tmp_path):
    words = ["quokka", "Dog"]
    VectorStore.write(tmp_path / "vectors", words, np.array([[0.5, 1], [2, 3]], dtype=np.float32))
    return VectorStore.open(tmp_path / "vectors")


def same(left, right):
    assert left.keys() == right.keys()
    for name in left:
        assert left[name].dtype == right[name].dtype
        assert (left[name] == right[name]).all()


def test_vocabularies_come_from_training_most_frequent_first():
    featurizer = build_featurizer(TRAINING, columns=["pos"])
    assert featurizer.words.entries == ("dog", "the", "0000", "1998", "in", "ran", "slept")
    assert featurizer.columns["pos"].entries == ("DT", "NN", "VB", "CD", "IN")
    characters = featurizer.vocabularies()["characters"]
    assert characters[0] == "e"
    assert sorted(characters) == sorted({c for s in TRAINING for t in s.tokens for c in t})


def test_the_order_of_sentences_does_not_change_the_vocabularies():
    backwards = build_featurizer(TRAINING[::-1], columns=["pos"])
    assert backwards.vocabularies() == build_featurizer(TRAINING, columns=["pos"]).vocabularies()


def test_only_what_is_asked_for_is_encoded():
    plain = build_featurizer(TRAINING, characters=False, shapes=False)
    assert plain.encode_words(["dog"]).keys() == {"words"}
    assert plain.encode_columns(TRAINING) == {}
    full = build_featurizer(TRAINING, affix_rows=100)
    assert full.encode_words(["dog"]).keys() == {"words", "characters", "shapes", "affixes"}


def test_a_word_that_is_in_neither_split_has_its_own_vector(store):
    featurizer = build_featurizer(TRAINING, lowercase=False, vectors=store)
    arrays = featurizer.encode_words(["dog", "Dog", "Quokka", "xyzzy", "DOG"])
    row = featurizer.words.rows["dog"]
    assert arrays["words"].tolist() == [row, OWN_VECTOR, OWN_VECTOR, UNKNOWN, row]
    assert arrays["vectors"].tolist() == [[0, 0], [2, 3], [0.5, 1], [0, 0], [0, 0]]
    assert arrays["vectors"].dtype == np.float32


def test_words_that_training_saw_bring_no_vectors(store):
    featurizer = build_featurizer(TRAINING, vectors=store)
    assert "vectors" not in featurizer.encode_words(["dog", "Dog", "xyzzy"])


def test_columns_are_encoded_end_to_end():
    featurizer = build_featurizer(TRAINING, columns=["pos"])
    new = Sentence(["a", "b"], columns={"pos": ("NN", "XX"), "other": ("1", "2")})
    encoded = featurizer.encode_columns([new, TRAINING[1]])["columns"]
    assert encoded.tolist() == [[2], [UNKNOWN], [1], [2], [3]]


@pytest.mark.parametrize(
    ("sentence", "message"),
    [
        pytest.param(
            Sentence(["a"], columns={"lemma": ("a",), "ner": ("O",)}, source=Source("x.conll", 7)),
            "x.conll:7: the model reads the column 'pos' beside the tokens. "
            "Got the columns: lemma, ner.",
            id="other columns",
        ),
        pytest.param(
            Sentence(["a"]),
            "input: the model reads the column 'pos' beside the tokens. Got the columns: none.",
            id="no columns",
        ),
    ],
)
def test_a_missing_column_is_named(sentence, message):
    featurizer = build_featurizer(TRAINING, columns=["pos"])
    with pytest.raises(DataError) as error:
        featurizer.encode_columns([TRAINING[0], sentence])
    assert str(error.value) == message


def test_pairs_of_neighbours_have_rows_if_training_saw_them_often_enough():
    sentences = [*TRAINING, Sentence(["The", "dog"])]
    twice = build_featurizer(sentences, bigram_count=2)
    # "the dog" and the start of a sentence before "the" came three times.
    assert twice.bigrams.entries == (" the", "the dog")
    assert build_featurizer(sentences, bigram_count=3).bigrams.entries == (" the", "the dog")
    assert build_featurizer(sentences, bigram_count=4).bigrams.entries == ()
    exact = build_featurizer(sentences, bigram_count=2, lowercase=False)
    assert exact.bigrams.entries == (" The", "The dog")
    assert build_featurizer(sentences).bigrams is None


def test_what_depends_on_more_than_the_word_is_encoded_end_to_end():
    featurizer = build_featurizer(TRAINING, columns=["pos"], bigram_count=2)
    arrays = featurizer.encode_tokens([Sentence(["x"], columns={"pos": ("NN",)}), TRAINING[1]])
    assert arrays.keys() == {"columns", "bigrams"}
    assert arrays["columns"].tolist() == [[2], [1], [2], [3]]
    edge, pair = (featurizer.bigrams.rows[name] for name in (" the", "the dog"))
    assert arrays["bigrams"].tolist() == [[0, 0], [edge, pair], [pair, 0], [0, 0]]
    assert build_featurizer(TRAINING).encode_tokens(TRAINING) == {}


def test_an_extended_featurizer_keeps_every_row(store):
    old = build_featurizer(TRAINING, affix_rows=50, columns=["pos"], bigram_count=2, vectors=store)
    more = [Sentence(["The", "quokka", "ß"], columns={"pos": ("DT", "NN", "ZZ")})] * 2
    new = old.extended(more)
    seen = ["dog", "The", "1998", "2011"]
    same(old.encode_words(seen), new.encode_words(seen))
    same(old.encode_tokens(TRAINING), new.encode_tokens(TRAINING))
    assert new.bigrams.entries == (*old.bigrams.entries, "quokka ß", "the quokka", "ß ")
    assert new.words.entries == (*old.words.entries, "quokka", "ß")
    assert new.columns["pos"].entries == (*old.columns["pos"].entries, "ZZ")
    # What had a vector of its own is now a row to be trained.
    assert old.encode_words(["quokka"])["words"] == [OWN_VECTOR]
    assert new.encode_words(["quokka"])["words"] == [len(old.words)]


@pytest.mark.parametrize("lowercase", [True, False])
@pytest.mark.parametrize("characters", [True, False])
@pytest.mark.parametrize("bigram_count", [0, 2])
def test_a_featurizer_survives_the_way_through_json(store, lowercase, characters, bigram_count):
    old = build_featurizer(
        TRAINING,
        lowercase=lowercase,
        characters=characters,
        shapes=not characters,
        affix_rows=30,
        columns=["pos"],
        bigram_count=bigram_count,
        vectors=store,
    )
    settings, vocabularies = json.loads(json.dumps([old.settings(), old.vocabularies()]))
    new = Featurizer.from_settings(settings, vocabularies, store)
    words = ["Dog", "dog", "1998", "1703", "Quokka", "xyzzy", "\ud800"]
    same(old.encode_words(words), new.encode_words(words))
    same(old.encode_tokens(TRAINING), new.encode_tokens(TRAINING))
    assert (old.settings(), old.vocabularies()) == (new.settings(), new.vocabularies())


def test_what_older_versions_wrote_is_read():
    featurizer = build_featurizer(TRAINING)
    settings = featurizer.settings()
    del settings["bigram_count"]
    assert Featurizer.from_settings(settings, featurizer.vocabularies(), None).bigrams is None


def test_rare_forms_occur_once_in_training():
    sentences = [*TRAINING, Sentence(["1999"])]
    assert rare_forms(sentences, lowercase=True) == {"ran", "in", "slept", "1998", "1999"}
    assert "0000" in rare_forms(TRAINING, lowercase=True)
    assert {"The", "the"} <= rare_forms(TRAINING, lowercase=False)
