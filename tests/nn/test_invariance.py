"""Company does not matter: a sentence gets the same scores and spans whatever stands beside it."""

import itertools

import numpy as np
import pytest
import torch

from ner.config.loading import Config
from ner.data.schemes import tag_set
from ner.data.sentence import Sentence
from ner.features.batches import TaggingBatches
from ner.features.distinct_words import WordRows
from ner.features.featurizer import build_featurizer
from ner.nn.building import build_model
from ner.nn.runtime import TorchRuntime
from ner.tasks import SpanTask
from tests.networks import case_name, choices, feature_sets, networks, write_store
from tests.tolerance import additions, float32_bound, probability_bound

WIDTH = 8
TARGET = SpanTask(tuple(tag_set(["LOC", "PER"], "BIOES")), "BIOES")
TRAINING = """
The committee met in Lisbon on 12 May
Maria Costa , who chairs it , left at 9
SHARES FALL IN TOKYO
McKinley beat O'Neill 6-3 6-4
"""
# Among them words that training never saw: with a vector, through its forms or not, and without.
TAGGED = """
Maria met Quokka in Lisbon
Lisbon
quokka 6-4 12-MAY-1999
THE SHARES OF McKinley FALL ; zyxwv O'Neill left Tokyo at 9 , xylophone-1 too
!
A B C D E F G H I J K L M N O P Q R S T U V W X Y Z a b c d e f g h i j k l m
"""
VECTORS = ["quokka", "xylophone-0", "Quokka", "lisbon"]


# Every kind of encoder, and every option where it has a use.
ENCODERS = [
    {"cell": cell, "layers": layers}
    for cell, layers in itertools.product(choices("encoder", "cell"), (1, 2))
]
ENCODERS += [{"cell": cell, "bidirectional": False} for cell in choices("encoder", "cell")]
ENCODERS += [{"kind": "idcnn", "layers": 2}, {"projection": 4, "layers": 2}]
ENCODERS += [
    base | {"residual": True, "attention_heads": 2}
    for base in (
        {"projection": 4, "layers": 2, "layer_norm": True},
        {"cell": "mingru", "layers": 2, "layer_norm": True},
        # Of so few filters many are shut, and to normalise what is left enlarges its rounding.
        {"kind": "idcnn", "size": 24},
    )
]
NETWORKS = networks(ENCODERS)
# All parts together in every network, and once each part left out.
EVERYTHING = {
    "shapes": True,
    "affix_rows": 64,
    "columns": ("pos",),
    "bigram_count": 1,
    "lowercase": True,
}
FEATURES = feature_sets(EVERYTHING, {"lowercase": False})
CASES = [(network, EVERYTHING) for network in NETWORKS] + [(NETWORKS[0], f) for f in FEATURES]


def sentence(tokens):
    return Sentence(tokens, columns={"pos": tuple(token[-1] for token in tokens)})


def sentences_of(text):
    return [sentence(line.split()) for line in text.strip().splitlines()]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return write_store(tmp_path_factory.mktemp("vectors") / "vectors", VECTORS, WIDTH)


def make(network, features, store):
    """Build a featurizer, and a network that finds many spans."""
    features = {"characters": network["characters.kind"] != "none", "vectors": True} | features
    features["vectors"] = store if features["vectors"] else None
    featurizer = build_featurizer(sentences_of(TRAINING), **features)
    sizes = {"words.size": WIDTH, "encoder.size": 6, "characters.output_size": 6}
    sizes["bigrams.size"] = 3
    settings = Config().updated(sizes | network).model_dump(mode="json")
    torch.manual_seed(2)
    model = build_model(settings, featurizer, TARGET)
    with torch.no_grad():
        for parameter in model.head.parameters():
            parameter.normal_(std=2)
        model.head.projection.bias[0] -= 8
    return featurizer, TorchRuntime(model)


def results(featurizer, runtime, sentences, batches=None, batch_tokens=10**6):
    """Give the emissions, spans and scores of each sentence; in one batch unless told."""
    source = TaggingBatches(sentences, featurizer, WordRows(featurizer, runtime.word_rows))
    found = {}
    for indices in source.plan(batch_tokens) if batches is None else batches:
        batch = source.batch(indices)
        emissions = runtime.outputs(batch)["emissions"]
        decoded = TARGET.lattice(runtime.edges).decode(emissions, batch["lengths"])
        for i, row, length, (spans, scores) in zip(
            indices, emissions, batch["lengths"], decoded, strict=True
        ):
            found[int(i)] = (row[:length], spans, scores)
    assert sorted(found) == list(range(len(sentences)))
    return [found[i] for i in range(len(sentences))]


def same(found, expected, terms):
    assert len(found) == len(expected)
    for (row, spans, scores), (its_row, its_spans, its_scores) in zip(found, expected, strict=True):
        np.testing.assert_allclose(row, its_row, rtol=0, atol=float32_bound(its_row, terms))
        assert spans == its_spans
        assert scores == pytest.approx(
            its_scores, abs=probability_bound(its_row, terms, len(its_row))
        )


@pytest.mark.numeric
@pytest.mark.parametrize(("network", "features"), CASES, ids=case_name)
def test_a_sentence_has_the_same_results_in_any_company(network, features, store):
    featurizer, runtime = make(network, features, store)
    sentences = [*sentences_of(TAGGED), sentence(["met", "ab" * 150, "."])]
    count, terms = len(sentences), additions(runtime.model)
    alone = [results(featurizer, runtime, [s])[0] for s in sentences]
    assert sum(len(spans) for _, spans, _ in alone) > 5

    same(results(featurizer, runtime, sentences), alone, terms)
    same(results(featurizer, runtime, sentences, batch_tokens=16), alone, terms)
    same(results(featurizer, runtime, sentences[::-1])[::-1], alone, terms)
    order = np.random.default_rng(3).permutation(count)
    same(results(featurizer, runtime, sentences, batches=np.array_split(order, 3)), alone, terms)

    random = np.random.default_rng(4)
    words = [token for s in sentences for token in s.tokens]
    neighbour = sentence([*random.choice(words, 999).tolist(), "cd" * 150])
    crowd = [neighbour, *sentences, neighbour]
    same(results(featurizer, runtime, crowd)[1:-1], alone, terms)
