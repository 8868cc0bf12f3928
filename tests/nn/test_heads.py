import itertools
import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F
from torchcrf import CRF

from ner.crf.lattice import TagLattice
from ner.data.schemes import Span, spans_from_tags, tag_set, tags_from_spans
from ner.nn.heads import HEADS, CRFHead, tag_weights
from ner.nn.tensors import length_mask
from ner.tasks import SpanTask, TokenTask
from ner.tasks.base import free_edges

SCHEMES = pytest.mark.parametrize("scheme", ["BIO", "BIOES"])
LENGTHS = torch.tensor([3, 1, 4, 2])
SPANS = [[(0, 2, "X"), (2, 3, "Y")], [], [(1, 4, "X")], [(0, 1, "Y"), (1, 2, "Y")]]
WIDTH = 6


def make_head(kind, scheme="BIOES", labels="XY", scale=1.0, **options):
    """Make a head in float64 with weights that matter."""
    torch.manual_seed(1)
    head = HEADS[kind](WIDTH, tag_set(labels, scheme), scheme, **options).double()
    for parameter in head.parameters():
        torch.nn.init.normal_(parameter, std=scale)
    return head


def make_hidden(seed=2):
    generator = torch.Generator().manual_seed(seed)
    shape = (len(LENGTHS), int(LENGTHS.max()), WIDTH)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def gold_of(head):
    """Give the tags of `SPANS`; behind a sentence stands some tag."""
    gold = torch.full((len(SPANS), int(LENGTHS.max())), 2)
    for row, spans, length in zip(gold, SPANS, LENGTHS.tolist(), strict=True):
        tags = tags_from_spans([Span(*span) for span in spans], length, head.scheme)
        row[:length] = torch.tensor([head.tags.index(tag) for tag in tags])
    return gold


def legal_paths(head, length):
    """List the paths that spans can be written as."""
    for path in itertools.product(range(len(head.tags)), repeat=length):
        tags = [head.tags[i] for i in path]
        if tags_from_spans(spans_from_tags(tags), length, head.scheme) == tags:
            yield path


def lattice_of(head):
    return SpanTask(head.tags, head.scheme).lattice(head.edges())


def crf_score(head, emissions, path):
    steps = sum(head.crf.transitions[a, b] for a, b in itertools.pairwise(path))
    ends = head.crf.start_transitions[path[0]] + head.crf.end_transitions[path[-1]]
    return (ends + steps + emissions[range(len(path)), path].sum()).item()


@SCHEMES
def test_the_loss_of_a_crf_is_that_of_all_its_legal_paths(scheme):
    head, hidden = make_head("crf", scheme), make_hidden()
    gold, emissions = gold_of(head), head.emissions(hidden)
    losses = []
    with torch.no_grad():
        for b, length in enumerate(LENGTHS.tolist()):
            scores = [crf_score(head, emissions[b], path) for path in legal_paths(head, length)]
            right = crf_score(head, emissions[b], gold[b, :length].tolist())
            losses.append(np.logaddexp.reduce(scores) - right)
    assert head.loss(hidden, LENGTHS, gold).item() == pytest.approx(np.mean(losses), rel=1e-12)


@SCHEMES
def test_the_loss_of_a_crf_is_that_of_pytorch_crf_with_illegal_steps_at_minus_10000(scheme):
    head, hidden = make_head("crf", scheme), make_hidden()
    reference = CRF(len(head.tags), batch_first=True).double()
    lattice = lattice_of(head)
    for name, scores in (
        ("start_transitions", lattice.start),
        ("transitions", lattice.transitions),
        ("end_transitions", lattice.end),
    ):
        getattr(reference, name).data = torch.from_numpy(np.maximum(scores, -1e4))
    mask = length_mask(LENGTHS, hidden.shape[1])
    gold = gold_of(head)
    expected = -reference(head.emissions(hidden), gold, mask, reduction="mean")
    assert head.loss(hidden, LENGTHS, gold).item() == pytest.approx(expected.item(), rel=1e-13)


def test_with_every_step_legal_the_loss_is_that_of_pytorch_crf_itself():
    torch.manual_seed(3)
    head = CRFHead(WIDTH, ["O", "S-X", "S-Y"], "BIOES").double()
    hidden, gold = make_hidden(), torch.randint(3, (4, 4))
    mask = length_mask(LENGTHS, 4)
    reference = CRF(3, batch_first=True).double()
    reference.load_state_dict(head.crf.state_dict())
    expected = -reference(head.emissions(hidden), gold, mask, reduction="mean")
    assert head.loss(hidden, LENGTHS, gold).item() == pytest.approx(expected.item(), rel=1e-13)


@SCHEMES
def test_the_loss_of_a_crf_is_the_surprise_of_its_lattice(scheme):
    head, hidden = make_head("crf", scheme), make_hidden()
    gold, emissions, lattice = gold_of(head), head.emissions(hidden), lattice_of(head)
    right = [
        crf_score(head, emissions[b], gold[b, :length].tolist())
        for b, length in enumerate(LENGTHS.tolist())
    ]
    log_z = lattice.sums(emissions.detach().numpy(), LENGTHS.numpy()).log_partition
    loss = head.loss(hidden, LENGTHS, gold).item()
    assert loss == pytest.approx(np.mean(log_z - right), rel=1e-12)


@SCHEMES
def test_forbidden_steps_have_no_gradient_and_all_others_have_one(scheme):
    head, hidden = make_head("crf", scheme, scale=0.1), make_hidden()
    head.loss(hidden, LENGTHS, gold_of(head)).backward()
    lattice = lattice_of(head)
    for gradient, scores in (
        (head.crf.start_transitions.grad, lattice.start),
        (head.crf.transitions.grad, lattice.transitions),
        (head.crf.end_transitions.grad, lattice.end),
    ):
        assert ((gradient != 0).numpy() == np.isfinite(scores)).all()
    assert not np.isfinite(lattice.transitions).all()


@SCHEMES
def test_a_crf_decodes_without_the_steps_that_its_loss_forbids(scheme):
    head = make_head("crf", scheme)
    lattice = lattice_of(head)
    legal = {(a, b) for path in legal_paths(head, 4) for a, b in itertools.pairwise(path)}
    num_tags = len(head.tags)
    for a, b in itertools.product(range(num_tags), repeat=2):
        expected = head.crf.transitions[a, b].item() if (a, b) in legal else -np.inf
        assert lattice.transitions[a, b] == expected
    for k, scores in ((0, lattice.start), (-1, lattice.end)):
        assert set(np.flatnonzero(np.isfinite(scores))) == {p[k] for p in legal_paths(head, 2)}


def test_the_weights_of_a_crf_have_the_names_of_pytorch_crf():
    assert set(make_head("crf").state_dict()) == {
        "projection.weight",
        "projection.bias",
        "crf.start_transitions",
        "crf.end_transitions",
        "crf.transitions",
    }


@pytest.mark.parametrize("kind", HEADS)
@SCHEMES
def test_the_loss_of_a_batch_is_the_mean_over_its_sentences(kind, scheme):
    head, hidden = make_head(kind, scheme), make_hidden()
    gold = gold_of(head)
    alone = [
        head.loss(hidden[[b], :n], LENGTHS[[b]], gold[[b], :n]).item()
        for b, n in enumerate(LENGTHS.tolist())
    ]
    assert head.loss(hidden, LENGTHS, gold).item() == pytest.approx(np.mean(alone), rel=1e-12)


def test_the_loss_of_a_softmax_is_the_cross_entropy_of_all_tokens():
    head, hidden = make_head("softmax"), make_hidden()
    mask = length_mask(LENGTHS, hidden.shape[1])
    gold = gold_of(head).masked_fill(~mask, -100)
    scores = head.projection(hidden).flatten(0, 1)
    expected = F.cross_entropy(scores, gold.flatten(), reduction="sum") / len(LENGTHS)
    found = head.loss(hidden, LENGTHS, gold_of(head))
    assert found.item() == pytest.approx(expected.item(), rel=1e-12)


@SCHEMES
def test_a_softmax_decodes_the_most_probable_legal_path(scheme):
    head, hidden = make_head("softmax", scheme, scale=2), make_hidden()
    emissions = head.emissions(hidden).detach().numpy()
    assert np.exp(emissions).sum(axis=2) == pytest.approx(1, rel=1e-12)
    lattice = lattice_of(head)
    found = lattice.viterbi(emissions, LENGTHS.numpy())
    illegal = 0
    for b, length in enumerate(LENGTHS.tolist()):
        paths = list(legal_paths(head, length))
        joint = [np.exp(emissions[b, range(length), path].sum()) for path in paths]
        assert tuple(found[b, :length]) == paths[np.argmax(joint)]
        illegal += tuple(emissions[b, :length].argmax(axis=1)) not in paths
        # The share of a span in all legal paths.
        spans = dict.fromkeys(spans_from_tags([head.tags[i] for i in found[b, :length]]), 0.0)
        for path, probability in zip(paths, joint, strict=True):
            for span in spans_from_tags([head.tags[i] for i in path]):
                if span in spans:
                    spans[span] += probability / sum(joint)
        (scores,) = lattice.span_posteriors(emissions[[b], :length], LENGTHS[[b]].numpy(), [spans])
        assert scores == pytest.approx(list(spans.values()), rel=1e-12)
    assert illegal > 0, "no sentence of this test needs the mask"


@pytest.mark.parametrize("kind", HEADS)
def test_hidden_states_in_half_precision_are_scored_in_single_precision(kind):
    head = make_head(kind).float()
    hidden = make_hidden().bfloat16()
    emissions = head.emissions(hidden)
    assert emissions.dtype == torch.float32
    assert torch.equal(emissions, head.emissions(hidden.float()))
    assert head.loss(hidden, LENGTHS, gold_of(head)).dtype == torch.float32


@pytest.mark.parametrize("kind", HEADS)
def test_without_a_scheme_any_path_is_legal(kind):
    labels = ["NOUN", "O", "VERB"]
    head = HEADS[kind](WIDTH, labels, None).double()
    target, edges = TokenTask("upos", tuple(labels)), head.edges()
    lattice = TagLattice(*(edges or free_edges(3)), target.outputs)
    assert all(np.isfinite(each).all() for each in lattice.edges)
    hidden, gold = make_hidden(), torch.zeros(len(LENGTHS), int(LENGTHS.max()), dtype=torch.long)
    paths = itertools.product(range(3), repeat=int(LENGTHS[0]))
    total = 0.0
    for path in paths:
        gold[0, : LENGTHS[0]] = torch.tensor(path)
        total += math.exp(-head.loss(hidden[:1], LENGTHS[:1], gold[:1]).item())
    assert total == pytest.approx(1)


def test_the_mask_is_true_on_tokens():
    assert length_mask(torch.tensor([2, 1, 3]), 3).int().tolist() == [[1, 1, 0], [1, 0, 0], [1] * 3]


WEIGHTS = {"X": 3.0, "Y": 0.25}


def weights_of(head, gold):
    """Give the weight of each token by hand, 0 behind the end."""
    of_tag = [1.0 if tag == "O" else WEIGHTS[tag[2:]] for tag in head.tags]
    of_tag = torch.tensor(of_tag, dtype=torch.float64)
    return of_tag[gold] * length_mask(LENGTHS, gold.shape[1])


def gradients(head, loss):
    head.zero_grad()
    loss.backward()
    return [p.grad.clone() for p in head.parameters()]


@SCHEMES
def test_with_weights_each_sentence_of_a_crf_counts_by_the_mean_weight_of_its_tokens(scheme):
    plain, head = make_head("crf", scheme), make_head("crf", scheme, weights=WEIGHTS)
    hidden, gold = make_hidden(), gold_of(plain)
    factors = weights_of(plain, gold).sum(1) / LENGTHS
    alone = [
        plain.loss(hidden[[b], :n], LENGTHS[[b]], gold[[b], :n])
        for b, n in enumerate(LENGTHS.tolist())
    ]
    expected = sum(f * loss for f, loss in zip(factors, alone, strict=True)) / len(alone)
    found = head.loss(hidden, LENGTHS, gold)
    assert found.item() == pytest.approx(expected.item(), rel=1e-12)
    for one, other in zip(gradients(head, found), gradients(plain, expected), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-12)


def test_with_weights_each_token_of_a_softmax_counts_by_its_weight():
    head, hidden = make_head("softmax", weights=WEIGHTS), make_hidden()
    gold = gold_of(head)
    scores = head.projection(hidden)
    losses = F.cross_entropy(scores.flatten(0, 1), gold.flatten(), reduction="none")
    expected = (losses * weights_of(head, gold).flatten()).sum() / len(LENGTHS)
    found = head.loss(hidden, LENGTHS, gold)
    assert found.item() == pytest.approx(expected.item(), rel=1e-12)
    for one, other in zip(gradients(head, found), gradients(head, expected), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("kind", HEADS)
def test_weights_are_the_same_for_gold_tags_and_for_tables_that_allow_just_them(kind):
    head, hidden = make_head(kind, weights=WEIGHTS), make_hidden()
    gold = gold_of(head)
    table = F.one_hot(gold, len(head.tags)).bool()
    table &= length_mask(LENGTHS, gold.shape[1])[:, :, None]
    found = head.loss(hidden, LENGTHS, table).item()
    assert found == pytest.approx(head.loss(hidden, LENGTHS, gold).item(), rel=1e-12)


@SCHEMES
def test_with_a_cost_every_wrong_token_adds_to_the_score_of_a_path(scheme):
    head, hidden = make_head("crf", scheme, cost=0.75, weights=WEIGHTS), make_hidden()
    gold, emissions = gold_of(head), head.emissions(hidden).detach()
    factors, losses = weights_of(head, gold), []
    for b, length in enumerate(LENGTHS.tolist()):
        right = gold[b, :length].tolist()
        scores = [
            crf_score(head, emissions[b], path)
            + 0.75 * sum(float(factors[b, t]) * (path[t] != right[t]) for t in range(length))
            for path in legal_paths(head, length)
        ]
        loss = np.logaddexp.reduce(scores) - crf_score(head, emissions[b], right)
        losses.append(loss * float(factors[b].sum()) / length)
    assert head.loss(hidden, LENGTHS, gold).item() == pytest.approx(np.mean(losses), rel=1e-12)


@SCHEMES
def test_with_a_bonus_the_loss_takes_it_off_for_every_span_of_a_path(scheme):
    head, hidden = make_head("crf", scheme, bonus=0.75), make_hidden()
    gold, emissions = gold_of(head), head.emissions(hidden).detach()

    def score(b, path):
        spans = spans_from_tags([head.tags[tag] for tag in path])
        return crf_score(head, emissions[b], path) - 0.75 * len(spans)

    losses = []
    for b, length in enumerate(LENGTHS.tolist()):
        scores = [score(b, path) for path in legal_paths(head, length)]
        losses.append(np.logaddexp.reduce(scores) - score(b, gold[b, :length].tolist()))
    assert head.loss(hidden, LENGTHS, gold).item() == pytest.approx(np.mean(losses), rel=1e-12)
    plain = make_head("crf", scheme)
    assert head.state_dict().keys() == plain.state_dict().keys()
    found, expected = head.outputs(hidden, LENGTHS), plain.outputs(hidden, LENGTHS)
    torch.testing.assert_close(found, expected, rtol=0, atol=0)


@pytest.mark.parametrize("kind", HEADS)
def test_weights_are_no_part_of_what_is_learnt(kind):
    assert (
        make_head(kind, weights=WEIGHTS).state_dict().keys() == make_head(kind).state_dict().keys()
    )


def test_labels_without_a_weight_count_1():
    assert tag_weights(["O", "S-X", "S-Y"], "BIO", {"Y": 2.0, "": 9.0}) == [1.0, 1.0, 2.0]
