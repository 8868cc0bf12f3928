import itertools

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto
from safetensors.torch import save_file

from ner.config.loading import Config
from ner.errors import ConfigError
from ner.exporting.graph import GraphBuilder, WeightFile
from ner.exporting.heads import classifier_head
from ner.model_folder import WEIGHTS
from ner.nn.heads import ClassifierHead
from ner.nn.pooling import (
    AttentionPooling,
    HierarchicalPooling,
    LastStates,
    MaxPooling,
    StructuredAttention,
    build_pooling,
)
from tests.tolerance import additions, float32_bound

# Settings of where sentences begin, which poolings do not look for.
SENTENCES = {"language", "hard_wrapped"}
WIDTH = 6
KINDS = ("attention", "structured", "max", "mean", "last")
# Each alone, some without and with attention, and all at once.
CHOICES = [*((kind,) for kind in KINDS), ("max", "last"), ("mean", "structured"), KINDS]
CASES = [
    {"kinds": kinds, "heads": heads, "hierarchical": hierarchical}
    for kinds in CHOICES
    for heads in ((1, 3) if "attention" in kinds else (1,))
    for hierarchical in (False, True)
]
FLAT = [case for case in CASES if not case["hierarchical"]]
LENGTHS = torch.tensor([5, 1, 9, 3])
# Sentences of 2 + 3, 1, 4 + 1 + 4 and 3 tokens; the numbers of the second document are odd ones.
SENTENCE_IDS = torch.tensor(
    [
        [0, 0, 1, 1, 1, 7, 7, 8, 9],
        [-3, 1, 2, 3, 4, 5, 6, 7, 8],
        [0, 0, 0, 0, 5, 2, 2, 2, 2],
        [1, 1, 1, 1, 1, 1, 1, 1, 1],
    ]
)


def case_name(case):
    return "+".join(case["kinds"]) + f"-{case['heads']}" + "-sentences" * case["hierarchical"]


def make(case, **options):
    """Make a pooling in float64 with weights that matter."""
    torch.manual_seed(1)
    pooling = build_pooling(WIDTH, size=4, hops=3, **case, **options).double()
    for parameter in pooling.parameters():
        torch.nn.init.normal_(parameter)
    return pooling


def make_head(case, labels="XYZ", **options):
    settings = {key: options.pop(key) for key in ("penalty",) if key in options}
    head = ClassifierHead(make(case, **settings), labels, **options).double()
    torch.nn.init.normal_(head.projection.weight)
    return head


def make_hidden(seed=2):
    generator = torch.Generator().manual_seed(seed)
    shape = (len(LENGTHS), int(LENGTHS.max()), WIDTH)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def pool(pooling, hidden, lengths, sentence_ids):
    extra = (sentence_ids,) if isinstance(pooling, HierarchicalPooling) else ()
    return pooling(hidden, lengths, *extra)


def softmax(scores):
    shares = np.exp(np.array(scores) - max(scores))
    return shares / shares.sum()


def additive_weights(attention, states):
    """Weigh the states of one text (T H), token by token: a row for each head."""
    keys, bias = (p.detach().numpy() for p in attention.keys.parameters())
    queries = attention.queries.weight.detach().numpy()
    return [softmax([q @ np.tanh(keys @ h + bias) for h in states]) for q in queries]


def by_hand(pooling, states, name):
    """Pool the states of one text (T H) in numpy: the vector, and rows of attention."""
    match name:
        case "max":
            return states.max(axis=0), []
        case "mean":
            return states.mean(axis=0), []
        case "last":
            half = WIDTH // 2
            return np.concatenate([states[-1, :half], states[0, half:]]), []
        case "structured":
            rows = additive_weights(pooling.attention, states)
            means = [sum(w * h for w, h in zip(row, states, strict=True)) for row in rows]
            return np.concatenate(means), rows
    rows = additive_weights(pooling.attention, states)
    shares = np.split(states, len(rows), axis=1)
    pairs = zip(rows, shares, strict=True)
    return np.concatenate([sum(map(np.multiply, row, own)) for row, own in pairs]), rows


def all_by_hand(pooling, kinds, states):
    each = [pooling] if len(kinds) == 1 else pooling.parts
    found = [by_hand(one, states, kind) for one, kind in zip(each, kinds, strict=True)]
    return np.concatenate([vector for vector, _ in found]), [r for _, rows in found for r in rows]


def document_by_hand(pooling, kinds, states, sentence_ids):
    """Pool the words of each sentence, then sentences."""
    groups = [
        list(group)
        for _, group in itertools.groupby(range(len(sentence_ids)), sentence_ids.__getitem__)
    ]
    within = [all_by_hand(pooling.words, kinds, states[group]) for group in groups]
    vectors = np.array([vector for vector, _ in within])
    whole, (outer,) = by_hand(pooling.sentences, vectors, "attention")
    rows = []
    for k in range(max(1, len(within[0][1]))):
        shares = [
            w[1][k] if w[1] else np.full(len(g), 1 / len(g))
            for w, g in zip(within, groups, strict=True)
        ]
        rows.append(np.concatenate([a * share for a, share in zip(outer, shares, strict=True)]))
    return whole, rows


@pytest.mark.parametrize("case", CASES, ids=case_name)
def test_a_text_is_pooled_as_by_hand_whatever_stands_behind_it(case):
    pooling, hidden = make(case), make_hidden()
    for b, length in enumerate(LENGTHS.tolist()):
        hidden[b, length:] = torch.nan
    pooled = pool(pooling, hidden, LENGTHS, SENTENCE_IDS)
    assert pooled.vectors.shape == (len(LENGTHS), pooling.size)
    for b, length in enumerate(LENGTHS.tolist()):
        states = hidden[b, :length].numpy()
        if case["hierarchical"]:
            sentence_ids = SENTENCE_IDS[b, :length].tolist()
            vector, rows = document_by_hand(pooling, case["kinds"], states, sentence_ids)
        else:
            vector, rows = all_by_hand(pooling, case["kinds"], states)
        np.testing.assert_allclose(pooled.vectors[b].detach(), vector, rtol=1e-12)
        assert pooling.num_heads == len(rows)
        if not rows:
            assert pooled.attention is None
            continue
        attention = pooled.attention[b].detach().numpy()
        np.testing.assert_allclose(attention[:, :length], rows, rtol=1e-12)
        assert not attention[:, length:].any()
        np.testing.assert_allclose(attention.sum(axis=1), 1, rtol=1e-12)


@pytest.mark.numeric
@pytest.mark.parametrize("case", CASES, ids=case_name)
def test_company_does_not_matter(case):
    head = make_head(case).float()
    hidden = make_hidden().float()
    together = head.outputs(hidden, LENGTHS, SENTENCE_IDS)
    for b, length in enumerate(LENGTHS.tolist()):
        own = slice(b, b + 1), slice(0, length)
        alone = head.outputs(hidden[own], LENGTHS[b : b + 1], SENTENCE_IDS[own])
        assert alone.keys() == together.keys()
        bound = float32_bound(alone["logits"], additions(head))
        torch.testing.assert_close(together["logits"][b], alone["logits"][0], rtol=0, atol=bound)
        if "attention" in alone:
            found = together["attention"][b, :, :length]
            bound = float32_bound(1, additions(head))
            torch.testing.assert_close(found, alone["attention"][0], rtol=0, atol=bound)


@pytest.mark.parametrize("case", CASES, ids=case_name)
def test_gradients_are_right_and_stop_at_the_end(case):
    head = make_head(case, penalty=0.5 if "structured" in case["kinds"] else 0.0)
    hidden = make_hidden()
    inside = torch.arange(hidden.shape[1]) < LENGTHS[:, None]
    hidden[~inside] = torch.nan
    states = hidden.clone().requires_grad_()
    gold = torch.tensor([0, 2, 1, 1])
    head.loss(states, LENGTHS, gold, SENTENCE_IDS).backward()
    assert not states.grad[~inside].any()
    for parameter in head.parameters():
        assert parameter.grad.isfinite().all() and parameter.grad.any()

    def loss(filled):
        return head.loss(
            hidden.masked_scatter(inside[:, :, None], filled), LENGTHS, gold, SENTENCE_IDS
        )

    assert torch.autograd.gradcheck(loss, hidden[inside].requires_grad_())


def test_without_a_backward_direction_the_last_states_are_those_of_the_last_token():
    hidden = make_hidden()
    vectors = LastStates(WIDTH, bidirectional=False)(hidden, LENGTHS).vectors
    for b, length in enumerate(LENGTHS.tolist()):
        assert torch.equal(vectors[b], hidden[b, length - 1])


def test_the_last_states_are_those_in_which_an_lstm_ends():
    torch.manual_seed(3)
    lstm = torch.nn.LSTM(4, WIDTH // 2, batch_first=True, bidirectional=True).double()
    x = torch.randn(2, 5, 4, dtype=torch.float64)
    hidden, (ends, _) = lstm(x)
    vectors = LastStates(WIDTH)(hidden, torch.tensor([5, 5])).vectors
    torch.testing.assert_close(vectors, ends.transpose(0, 1).flatten(1))


def test_equal_greatest_values_share_the_gradient():
    hidden = torch.tensor([[[1.0], [1.0], [0.0]]], requires_grad=True)
    MaxPooling(1)(hidden, torch.tensor([3])).vectors.sum().backward()
    assert hidden.grad.flatten().tolist() == [0.5, 0.5, 0.0]


def test_heads_have_to_share_the_features_evenly():
    with pytest.raises(ConfigError) as error:
        AttentionPooling(WIDTH, num_heads=4)
    assert str(error.value) == "pooling.heads: must divide the width of the states, 6. Got 4."


@pytest.mark.parametrize("hierarchical", [False, True])
def test_the_penalty_is_the_norm_of_likeness_without_unity(hierarchical):
    case = {"kinds": ("structured",), "heads": 1, "hierarchical": hierarchical}
    pooling, hidden = make(case, penalty=0.7), make_hidden()
    pooled = pool(pooling, hidden, LENGTHS, SENTENCE_IDS)
    words = pooling.words if hierarchical else pooling
    for b, length in enumerate(LENGTHS.tolist()):
        numbers = SENTENCE_IDS[b, :length].tolist() if hierarchical else [0] * length
        penalties = []
        for _, group in itertools.groupby(range(length), numbers.__getitem__):
            rows = additive_weights(words.attention, hidden[b, list(group)].numpy())
            unity = ((i, j, float(i == j)) for i in range(3) for j in range(3))
            penalties.append(sum((rows[i] @ rows[j] - one) ** 2 for i, j, one in unity))
        assert pooled.penalty[b].item() == pytest.approx(0.7 * np.mean(penalties), rel=1e-12)


def test_no_penalty_is_left_where_each_head_looks_at_a_token_of_its_own():
    pooling = StructuredAttention(3, size=3, num_heads=3, penalty=1.0).double()
    with torch.no_grad():
        pooling.attention.keys.weight.copy_(torch.eye(3))
        pooling.attention.keys.bias.zero_()
        pooling.attention.queries.weight.copy_(1000 * torch.eye(3))
    hidden = torch.eye(3, dtype=torch.float64)[None]
    assert pooling(hidden, torch.tensor([3])).penalty.item() == pytest.approx(0, abs=1e-12)


def log_probabilities(logits):
    return logits - np.logaddexp.reduce(logits)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("weights", [None, {"Y": 3.0}], ids=["unweighted", "weighted"])
def test_the_loss_of_one_label_is_weighted_cross_entropy(smoothing, weights):
    case = {"kinds": ("structured",), "heads": 1, "hierarchical": False}
    head = make_head(case, weights=weights, label_smoothing=smoothing, penalty=0.2)
    hidden, gold = make_hidden(), [0, 1, 1, 2]
    logits = head.outputs(hidden, LENGTHS)["logits"].detach().numpy()
    losses = []
    for row, label in zip(logits, gold, strict=True):
        logs = log_probabilities(row)
        loss = -(1 - smoothing) * logs[label] - smoothing * logs.mean()
        losses.append(loss * (3 if weights and label == 1 else 1))
    penalty = head.pooling(hidden, LENGTHS).penalty.mean().item()
    found = head.loss(hidden, LENGTHS, torch.tensor(gold)).item()
    assert found == pytest.approx(np.mean(losses) + penalty, rel=1e-12)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("weights", [None, {"Y": 3.0}], ids=["unweighted", "weighted"])
def test_the_loss_of_several_labels_is_that_of_a_decision_for_each(smoothing, weights):
    case = {"kinds": ("max",), "heads": 1, "hierarchical": False}
    head = make_head(case, multi_label=True, weights=weights, label_smoothing=smoothing)
    hidden = make_hidden()
    gold = np.array([[1, 0, 1], [0, 0, 0], [1, 1, 1], [0, 1, 0]], dtype=bool)
    logits = head.outputs(hidden, LENGTHS)["logits"].detach().numpy()
    total = 0.0
    for (b, c), logit in np.ndenumerate(logits):
        yes = 1 / (1 + np.exp(-logit))
        share = gold[b, c] * (1 - smoothing) + smoothing / 2
        factor = 3 if weights and c == 1 else 1
        total -= factor * (share * np.log(yes) + (1 - share) * np.log(1 - yes))
    found = head.loss(hidden, LENGTHS, torch.from_numpy(gold)).item()
    assert found == pytest.approx(total / len(LENGTHS), rel=1e-12)


def test_weights_and_labels_leave_no_trace_among_what_is_stored():
    head = make_head(
        {"kinds": ("attention",), "heads": 1, "hierarchical": False}, weights={"X": 2.0}
    )
    assert set(head.state_dict()) == {
        "pooling.attention.keys.weight",
        "pooling.attention.keys.bias",
        "pooling.attention.queries.weight",
        "projection.weight",
        "projection.bias",
    }


@pytest.mark.parametrize("case", CASES, ids=case_name)
def test_the_head_computes_in_single_precision_under_autocast(case):
    head = make_head(case).float()
    hidden, gold = make_hidden().bfloat16(), torch.tensor([0, 2, 1, 1])
    expected = head.loss(hidden.float(), LENGTHS, gold, SENTENCE_IDS)
    logits = head.outputs(hidden.float(), LENGTHS, SENTENCE_IDS)["logits"]
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(head.loss(hidden, LENGTHS, gold, SENTENCE_IDS), expected)
        assert torch.equal(head.outputs(hidden, LENGTHS, SENTENCE_IDS)["logits"], logits)


def test_sentences_have_to_be_known_where_they_are_pooled():
    head = make_head({"kinds": ("max",), "heads": 1, "hierarchical": True})
    with pytest.raises(ValueError, match="sentence_ids: hierarchical pooling needs them"):
        head.outputs(make_hidden(), LENGTHS)


def graph_of(head, folder):
    """Write a head as a graph by itself."""
    save_file({}, folder / WEIGHTS)
    inputs = [
        ("hidden", TensorProto.FLOAT, ("B", "T", WIDTH)),
        ("lengths", TensorProto.INT32, ("B",)),
        ("sentence_ids", TensorProto.INT32, ("B", "T")),
    ]
    graph = GraphBuilder(inputs, WeightFile(folder / WEIGHTS), {})
    values = classifier_head(graph, head, graph.input("hidden"), graph.input("lengths"))
    ports = {
        "logits": ("logits", TensorProto.FLOAT, ("B", len(head.labels))),
        "attention": ("attention", TensorProto.FLOAT, ("B", head.pooling.num_heads, "T")),
    }
    return graph.to_bytes(*((value, ports[name]) for name, value in values.items()))


@pytest.mark.numeric
@pytest.mark.parametrize("bidirectional", [True, False])
@pytest.mark.parametrize("case", CASES, ids=case_name)
def test_a_graph_gives_what_torch_gives(case, bidirectional, tmp_path):
    torch.manual_seed(4)
    pooling = make(case, bidirectional=bidirectional)
    head = ClassifierHead(pooling, "XYZ").float()
    content = graph_of(head, tmp_path)
    onnx.checker.check_model(onnx.load_from_string(content), full_check=True)
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    hidden = make_hidden().float()
    # A batch, and one in which no sentence needs padding.
    for rows in (slice(0, 4), slice(2, 3), slice(1, 2)):
        longest = int(LENGTHS[rows].max())
        own = hidden[rows, :longest], LENGTHS[rows], SENTENCE_IDS[rows, :longest]
        with torch.inference_mode():
            expected = head.outputs(*own)
        names = {each.name for each in session.get_inputs()}
        feed = {"hidden": own[0].numpy(), "lengths": own[1].numpy().astype(np.int32)}
        if case["hierarchical"]:
            feed["sentence_ids"] = own[2].numpy().astype(np.int32)
        assert names == feed.keys()
        found = session.run(None, feed)
        assert [each.name for each in session.get_outputs()] == list(expected)
        for array, tensor in zip(found, expected.values(), strict=True):
            bound = float32_bound(tensor, additions(head))
            np.testing.assert_allclose(array, tensor, rtol=0, atol=bound)
        if "attention" in expected:
            assert not found[1][expected["attention"].numpy() == 0].any()


@pytest.mark.numeric
def test_a_graph_knows_the_lengths_of_sentences_that_are_far_apart(tmp_path):
    head = ClassifierHead(make(CASES[-1]), "XYZ").float()
    session = onnxruntime.InferenceSession(graph_of(head, tmp_path))
    random = np.random.default_rng(5)
    lengths = np.array([1, 700, 30, 2], dtype=np.int32)
    hidden = random.normal(size=(4, 700, WIDTH)).astype(np.float32)
    sentence_ids = random.integers(0, 2, (4, 700)).cumsum(axis=1).astype(np.int32)
    expected = head.outputs(
        *map(torch.from_numpy, (hidden, lengths.astype(np.int64), sentence_ids.astype(np.int64)))
    )
    feed = {"hidden": hidden, "lengths": lengths, "sentence_ids": sentence_ids}
    for array, tensor in zip(session.run(None, feed), expected.values(), strict=True):
        bound = float32_bound(tensor, additions(head) + 700)  # and over all tokens
        np.testing.assert_allclose(array, tensor.detach(), rtol=0, atol=bound)


def test_a_pooling_of_another_kind_is_refused_by_name(tmp_path):
    for case, where in ((FLAT[0], "pooling"), (CASES[-1], "pooling.words")):
        head = ClassifierHead(make(case), "XYZ").float()
        head.get_submodule(where).__class__ = type("Foo", (MaxPooling,), {})
        with pytest.raises(ConfigError) as error:
            graph_of(head, tmp_path)
        assert str(error.value).startswith(f"{where}: must be AttentionPooling or ")
        assert str(error.value).endswith(" to be exported to ONNX. Got Foo.")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        pytest.param(
            {"kinds": []},
            "kinds: must name at least one kind, and each once. Got [].",
            id="no kinds",
        ),
        pytest.param(
            {"kinds": ["max", "max"]},
            "kinds: must name at least one kind, and each once. Got ['max', 'max'].",
            id="a kind twice",
        ),
        pytest.param(
            {"kinds": ["median"]},
            "kinds: must be 'attention', 'structured', 'max', 'mean' or 'last'. Got 'median'.",
            id="an unknown kind",
        ),
        pytest.param(
            {"penalty": 1.0},
            "penalty: must be 0 where structured is not among the kinds. Got 1.0.",
            id="a penalty of nothing",
        ),
    ],
)
def test_settings_that_mean_nothing_are_refused(changes, message):
    with pytest.raises(ConfigError) as error:
        Config().updated({f"pooling.{key}": value for key, value in changes.items()})
    assert str(error.value) == f"pooling.{message}"


def test_the_settings_are_what_the_builder_takes():
    section = Config().updated({"pooling.kinds": "max"}).pooling
    assert section.kinds == ("max",)
    assert isinstance(
        build_pooling(WIDTH, **section.model_dump(mode="json", exclude=SENTENCES)), MaxPooling
    )
    assert isinstance(
        build_pooling(WIDTH, **Config().pooling.model_dump(exclude=SENTENCES)), AttentionPooling
    )
