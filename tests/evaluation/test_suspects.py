"""The ranking of suspects, with odds worked out by hand."""

import math

import pytest

from ner.data.schemes import Span
from ner.data.sentence import Sentence
from ner.evaluation.suspects import Judgement, Posterior, Usage, rank_suspects


def sentence(text, *spans):
    return Sentence(text.split(), spans=spans)


def only(gold, posteriors, found, *others):
    """Rank the suspects of one sentence, beside other sentences that are not judged."""
    judgement = Judgement(posteriors, {Span(*s): Posterior(*p) for s, p in found.items()})
    return rank_suspects([gold, *others], [judgement, *[None] * len(others)])


ADA = sentence("Ada met Bob", (0, 1, "PER"))


def test_another_type_competes_with_the_gold_one():
    (suspect,) = only(ADA, [Posterior(0.1, 0.2)], {(0, 1, "LOC"): (0.6, 0.2)})
    assert (suspect.kind, suspect.gold, suspect.other) == ("type", (0, 1, "PER"), (0, 1, "LOC"))
    assert (suspect.posterior, suspect.other_posterior) == (0.1, 0.6)
    assert math.exp(suspect.log_odds) == pytest.approx(6)
    assert suspect.suspicion == pytest.approx(6 / 7)


def test_other_borders_compete_with_the_gold_ones():
    (suspect,) = only(ADA, [Posterior(0.1, 0.2)], {(0, 2, "PER"): (0.5, 0.1)})
    assert (suspect.kind, suspect.other) == ("boundary", (0, 2, "PER"))
    assert math.exp(suspect.log_odds) == pytest.approx(5)


def test_no_entity_competes_with_a_gold_one_if_it_is_more_probable_than_others():
    (suspect,) = only(ADA, [Posterior(0.2, 0.5)], {(0, 1, "LOC"): (0.3, 0.5)})
    assert (suspect.kind, suspect.other, suspect.other_posterior) == ("spurious", None, 0.5)
    assert math.exp(suspect.log_odds) == pytest.approx(2.5)


def test_an_entity_that_gold_lacks_competes_with_no_entity():
    first, second = only(ADA, [Posterior(0.9, 0.1)], {(2, 3, "PER"): (0.8, 0.1)})
    assert (first.kind, first.gold, first.other) == ("missing", None, (2, 3, "PER"))
    assert (first.span, first.posterior) == ((2, 3, "PER"), 0.1)
    assert math.exp(first.log_odds) == pytest.approx(8)
    assert second.gold == (0, 1, "PER")
    assert second.log_odds < 0


def test_the_same_annotation_elsewhere_lowers_the_odds_and_the_other_one_raises_them():
    posteriors, found = [Posterior(0.1, 0.2)], {(0, 1, "LOC"): (0.6, 0.2)}
    same = sentence("Ada left", (0, 1, "PER"))
    (suspect,) = only(ADA, posteriors, found, same, same)
    assert math.exp(suspect.log_odds) == pytest.approx(6 / 3)
    other = sentence("to Ada", (1, 2, "LOC"))
    (suspect,) = only(ADA, posteriors, found, same, other, other, other)
    assert math.exp(suspect.log_odds) == pytest.approx(6 * 4 / 2)


def test_the_same_text_without_annotation_elsewhere_lowers_the_odds_that_it_is_missing():
    posteriors, found = [Posterior(1.0, 0.0)], {(2, 3, "PER"): (0.8, 0.1)}
    plain = sentence("Bob saw Bob")
    first, _ = only(ADA, posteriors, found, plain)
    assert math.exp(first.log_odds) == pytest.approx(8 / 3)
    first, _ = only(ADA, posteriors, found, plain, sentence("Bob", (0, 1, "PER")))
    assert math.exp(first.log_odds) == pytest.approx(8 * 2 / 3)


def test_a_text_inside_of_an_entity_and_open_annotation_are_no_text_without_annotation():
    texts = [
        sentence("New York Times", (0, 3, "ORG")),
        Sentence(["York"], allowed=[()]),
        sentence("York"),
    ]
    usage = Usage(texts, ["York", "New York"])
    assert dict(usage.plain) == {"York": 1}
    assert dict(usage.entities) == {("New York Times", "ORG"): 1}


def test_the_most_suspicious_come_first_and_equal_ones_in_the_order_of_the_text():
    texts = [sentence("A B", (0, 1, "X"), (1, 2, "X")), sentence("C", (0, 1, "X"))]
    judgements = [
        Judgement([Posterior(0.5, 0.5), Posterior(0.5, 0.5)], {}),
        Judgement([Posterior(0.1, 0.9)], {}),
    ]
    found = rank_suspects(texts, judgements)
    assert [(s.sentence, s.span.start) for s in found] == [(1, 0), (0, 0), (0, 1)]


def test_what_overlaps_is_missing_once():
    found = {(1, 3, "PER"): (0.4, 0.3), (2, 3, "PER"): (0.5, 0.3)}
    suspects = only(ADA, [Posterior(1.0, 0.0)], found)
    assert [s.span for s in suspects if s.kind == "missing"] == [(2, 3, "PER")]


def test_an_entity_of_a_label_that_no_model_knows_is_no_suspect():
    assert only(ADA, [None], {}) == []


def test_a_posterior_of_zero_or_one_has_finite_odds():
    (suspect,) = only(ADA, [Posterior(0.0, 1.0)], {})
    assert 0.999 < suspect.suspicion <= 1
    assert math.isfinite(suspect.log_odds)


def test_judgements_are_averaged():
    span, other = Span(0, 1, "PER"), Span(2, 3, "PER")
    first = Judgement([Posterior(0.2, 0.4), None], {span: Posterior(0.2, 0.4)})
    second = Judgement([Posterior(0.6, 0.2), None], {other: Posterior(0.5, 0.1)})
    mean = Judgement.mean([first, second])
    assert mean.gold[0] == pytest.approx((0.4, 0.3))
    assert mean.gold[1] is None
    assert mean.found[span] == pytest.approx((0.1, 0.4))
    assert mean.found[other] == pytest.approx((0.25, 0.1))


def test_a_suspect_is_written_for_machines():
    (suspect,) = only(ADA, [Posterior(0.1, 0.2)], {(0, 1, "LOC"): (0.6, 0.2)})
    facts = suspect.to_dict()
    assert facts["gold"] == {"start": 0, "end": 1, "label": "PER"}
    assert facts["models"] == {"start": 0, "end": 1, "label": "LOC"}
    assert facts["kind"] == "type"
    assert facts["suspicion"] == suspect.suspicion
