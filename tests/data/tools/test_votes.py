import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ner.data.partial import allowed_table
from ner.data.schemes import Span, is_legal, spans_from_tags, tag_set
from ner.data.tools.suggestions import Opinion
from ner.data.tools.votes import allowed_tags, take_votes

AB = frozenset({"A", "B"})


def opinion(*spans, types=AB, unread=(), weight=1.0):
    """Make an opinion of spans with or without a score."""
    scores = {Span(*span[:3]): (*span, 1.0)[3] for span in spans}
    return Opinion(scores, frozenset(unread), frozenset(types), weight)


def outcomes(by, *opinions):
    votes = take_votes({f"t{i}": each for i, each in enumerate(opinions)}, by)
    return {tuple(vote.span): vote.outcome for vote in votes}


def tags(by, length, *opinions, types=AB):
    named = {f"t{i}": each for i, each in enumerate(opinions)}
    allowed = allowed_tags(take_votes(named, by), named, length, types)
    return ["|".join(each) or "?" for each in allowed]


ONE = opinion((0, 1, "A"))
NONE = opinion()


@pytest.mark.parametrize(
    ("by", "opinions", "outcome"),
    [
        pytest.param("vote", [ONE, ONE, NONE], "agreed", id="two of three"),
        pytest.param("vote", [ONE, NONE, NONE], "outvoted", id="one of three"),
        pytest.param("vote", [ONE, NONE], "open", id="one of two"),
        pytest.param("vote", [ONE], "agreed", id="one alone"),
        pytest.param("vote", [ONE, opinion(types={"B"})], "agreed", id="not looked for"),
        pytest.param("vote", [ONE, opinion(unread=[0])], "agreed", id="not read"),
        pytest.param("vote", [ONE, opinion((0, 2, "A"))], "open", id="other borders"),
        pytest.param("vote", [ONE, opinion((0, 2, "A")), NONE], "open", id="none has a majority"),
        pytest.param("union", [ONE, NONE, NONE], "agreed", id="union of one"),
        pytest.param("union", [ONE, opinion((0, 1, "B"))], "open", id="union of two labels"),
        pytest.param("strict", [ONE, ONE], "agreed", id="strict and unanimous"),
        pytest.param("strict", [ONE, ONE, NONE], "open", id="strict with a majority"),
        pytest.param("strict", [ONE, NONE, NONE], "open", id="strict with a minority"),
        pytest.param("weight", [opinion((0, 1, "A"), weight=3), NONE], "agreed", id="heavy"),
        pytest.param("weight", [ONE, opinion(weight=3)], "outvoted", id="light"),
        pytest.param("weight", [opinion((0, 1, "A", 0.6))], "agreed", id="sure"),
        pytest.param("weight", [opinion((0, 1, "A", 0.4))], "open", id="unsure"),
        pytest.param("vote", [opinion((0, 1, "A", 0.4))], "agreed", id="no score in votes"),
    ],
)
def test_a_span_is_agreed_outvoted_or_open(by, opinions, outcome):
    assert outcomes(by, *opinions)[0, 1, "A"] == outcome


def test_what_overlaps_an_agreed_span_is_outvoted():
    long = opinion((0, 2, "A"))
    assert outcomes("vote", long, long, ONE) == {(0, 1, "A"): "outvoted", (0, 2, "A"): "agreed"}


def test_overlapping_spans_of_one_teacher_are_open_until_others_decide():
    nested = opinion((0, 3, "A"), (2, 3, "B"))
    assert set(outcomes("vote", nested).values()) == {"open"}
    assert tags("vote", 3, nested) == ["O|B-A", "O|I-A", "E-A|S-B"]
    assert tags("vote", 3, nested, opinion((2, 3, "B")), opinion((2, 3, "B"))) == ["O", "O", "S-B"]


def test_a_dispute_about_borders_leaves_the_readings_of_all_teachers():
    found = tags("vote", 4, opinion((0, 3, "A")), opinion((0, 2, "A")))
    assert found == ["B-A", "E-A|I-A", "O|E-A", "O"]


def test_a_dispute_about_labels_does_not_make_a_span_doubtful():
    assert tags("vote", 1, opinion((0, 1, "A")), opinion((0, 1, "B"))) == ["S-A|S-B"]


def test_labels_that_nobody_looked_for_are_open():
    assert tags("vote", 2, opinion((0, 1, "A"), types={"A"})) == ["S-A", "O|B-B|E-B|I-B|S-B"]
    assert tags("vote", 2, ONE, opinion(types={"B"})) == ["S-A", "O"]
    assert tags("vote", 2, opinion((0, 1, "A"), unread=[1])) == ["S-A", "?"]
    assert tags("vote", 2) == ["?", "?"]


def test_an_unsure_span_may_be_none():
    assert tags("weight", 1, opinion((0, 1, "A", 0.4))) == ["O|S-A"]


@st.composite
def some_opinions(draw):
    length = draw(st.integers(1, 6))
    pairs = list(itertools.combinations(range(length + 1), 2))
    span = st.builds(
        lambda pair, label, score: (*pair, label, score),
        st.sampled_from(pairs),
        st.sampled_from("AB"),
        st.sampled_from([0.3, 1.0]),
    )
    one = st.builds(
        lambda spans, types, unread: opinion(*spans, types=types, unread=unread),
        st.lists(span, max_size=3),
        st.sampled_from([AB, frozenset("A"), frozenset("B")]),
        st.sets(st.integers(0, length - 1), max_size=2),
    )
    return length, draw(st.lists(one, max_size=3))


@given(some_opinions(), st.sampled_from(["vote", "weight", "union", "strict"]))
def test_a_model_can_be_trained_on_whatever_is_left_open(case, by):
    length, opinions = case
    named = {f"t{i}": each for i, each in enumerate(opinions)}
    votes = take_votes(named, by)
    allowed = allowed_tags(votes, named, length, AB)
    for scheme in ("BIO", "BIOES"):
        allowed_table(allowed, tag_set("AB", scheme), scheme)  # raises if no path is left
    agreed = {vote.span for vote in votes if vote.outcome == "agreed"}
    for vote in votes:
        place = slice(vote.span.start, vote.span.end)
        if vote.outcome == "agreed":
            certain = [tags[0] for tags in allowed[place]]
            assert all(len(tags) == 1 for tags in allowed[place])
            assert spans_from_tags(certain) == [Span(0, len(certain), vote.span.label)]
        if vote.outcome == "open":
            # The reading with this span and all that is agreed is a legal sequence of tags.
            assert _has_reading(allowed, {vote.span} | agreed)


def _has_reading(allowed, spans):
    """Whether some legal sequence of allowed tags has all of the spans."""
    everything = tag_set("AB", "BIOES")
    choices = (options or everything for options in allowed)
    for path in itertools.product(*choices):
        steps = itertools.pairwise(("O", *path, "O"))
        if spans <= set(spans_from_tags(path)) and all(is_legal(a, b, "BIOES") for a, b in steps):
            return True
    return False
