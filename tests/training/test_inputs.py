"""Training from data in memory: every kind learns what the same sentences would teach."""

import json

import datasets
import pytest
from safetensors.numpy import load_file

import ner
from ner.data.sentence import Sentence
from ner.errors import DataError

pandas = pytest.importorskip("pandas")

# Pairs, tables and data sets of the hub have no documents.
SENTENCES = [s.replace(document=None) for s in ner.read_sentences("sample:train") if s.spans][:20]
SMALL = {
    "words": {"size": 4},
    "characters": {"size": 4, "output_size": 4},
    "affixes": {"rows": 16, "size": 4},
    "encoder": {"size": 4},
}


def train(out, train, dev, **settings):
    model, report = ner.train(
        out=out,
        train=train,
        dev=dev,
        progress=False,
        training={"epochs": 1, "threads": 1, "device": "cpu"},
        **SMALL | settings,
    )
    weights = load_file(out / "model/model.safetensors")
    return model, report, {name: array.tobytes() for name, array in weights.items()}


def pairs(sentences):
    return [(s.tokens, s.tags("BIOES")) for s in sentences]


def table(sentences):
    rows = [
        (i, token, tag)
        for i, s in enumerate(sentences)
        for token, tag in zip(s.tokens, s.tags(), strict=True)
    ]
    return pandas.DataFrame(rows, columns=["sentence_id", "word", "tag"])


def hub(sentences):
    names = ["O", *sorted({tag for s in sentences for tag in s.tags()} - {"O"})]
    kinds = {"tokens": datasets.Value("string"), "ner_tags": datasets.ClassLabel(names=names)}
    rows = [{"tokens": s.tokens, "ner_tags": s.tags()} for s in sentences]
    features = datasets.Features({n: datasets.Sequence(kind) for n, kind in kinds.items()})
    return datasets.Dataset.from_list(rows, features=features)


KINDS = {"pairs": pairs, "a generator": lambda s: iter(pairs(s)), "a table": table, "hub": hub}


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    """Train on sentences."""
    return train(tmp_path_factory.mktemp("expected") / "run", SENTENCES[:16], SENTENCES[16:])


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_each_kind_of_data_trains_the_same_model(tmp_path, expected, kind):
    model, report, weights = train(tmp_path / "run", kind(SENTENCES[:16]), kind(SENTENCES[16:]))
    assert (model.labels, report, weights) == (expected[0].labels, *expected[1:])
    facts = json.loads((tmp_path / "run/run.json").read_text())["data"]
    assert [facts[split]["sentences"] for split in ("train", "dev")] == [16, 4]
    assert all(len(facts[split]["sha256"]) == 64 for split in ("train", "dev"))


def test_a_generator_trains_alone(tmp_path):
    _, report, _ = train(tmp_path / "run", (pair for pair in pairs(SENTENCES)), None)
    assert report.sentences == 2


def test_texts_and_labels_train_a_classifier(tmp_path):
    texts = [(s.text, "long" if len(s) > 20 else "short") for s in SENTENCES]
    frame = pandas.DataFrame(texts, columns=["text", "label"])
    of_pairs, of_frame = (
        train(tmp_path / name, data, data, task="classify")
        for name, data in (("pairs", texts), ("frame", frame))
    )
    assert of_pairs[0].labels == ("long", "short")
    assert of_pairs[1:] == of_frame[1:]


def test_labels_of_tokens_train_a_tagger(tmp_path):
    data = [(s.tokens, ["N" if t.istitle() else "X" for t in s.tokens]) for s in SENTENCES]
    model, _, _ = train(tmp_path / "run", data, data, task="tag", data={"target": "upos"})
    assert (model.labels, model.column) == (("N", "X"), "upos")


@pytest.mark.parametrize(
    ("item", "message"),
    [
        (Sentence(["a"]), "train[20]: train data must have tags. Got none."),
        (("Ada left.", "news"), "train[20]: train data must have tags. Got none."),
        ((["a", "b"], ["O"]), "train[20]: tags: must be one for each of 2 tokens. Got 1. "),
        ("train.conll", "train[20]: must be a Sentence, a pair (tokens, tags)"),
    ],
    ids=["no tags", "a label of the text", "too few tags", "a path"],
)
def test_an_item_that_cannot_be_learnt_is_named(tmp_path, item, message):
    with pytest.raises(DataError) as error:
        train(tmp_path / "run", [*SENTENCES, item], SENTENCES[:3])
    assert str(error.value).startswith(message)
    assert not (tmp_path / "run").exists()
