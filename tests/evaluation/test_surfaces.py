import pytest
from hypothesis import given
from hypothesis import strategies as st

from ner.data.schemes import Span, spans_from_tags
from ner.data.sentence import Sentence
from ner.evaluation.surfaces import SurfaceCounts, surface_of

TRAIN = [
    Sentence(["Washington", "met", "Washington"], spans=[Span(0, 1, "PER"), Span(2, 3, "LOC")]),
    Sentence(["in", "Washington"], spans=[Span(1, 2, "LOC")]),
    Sentence(["Bank", "of", "England", ",", "a", "Bank"], spans=[Span(0, 3, "ORG")]),
    Sentence(["the", "May", "report", "of", "May"], spans=[Span(4, 5, "PER")]),
    Sentence(["the", "Bank", "of", "England"], spans=[]),
    Sentence(["the", "Bank", "in", "May"]),  # not annotated
]
SURFACES = SurfaceCounts(TRAIN)


def test_labels_are_counted_for_the_whole_surface():
    assert SURFACES.labels("Washington") == {"LOC": 2, "PER": 1}
    assert SURFACES.labels("Bank of England") == {"ORG": 1}
    assert SURFACES.labels("England") == SURFACES.labels("washington") == {}
    assert len(SURFACES) == 3


def test_places_outside_of_entities_are_counted_where_a_sentence_is_annotated():
    assert SURFACES.outside("May") == 1
    assert SURFACES.outside("Bank of England") == 1
    assert SURFACES.outside("Washington") == 0
    assert SURFACES.outside("Bank") == 0  # never an entity by itself


@pytest.mark.parametrize(
    ("surface", "label", "expected"),
    [
        ("Washington", "LOC", "same label"),
        ("Washington", "ORG", "other label"),
        ("washington", "LOC", "unseen"),
        ("Bank", "ORG", "unseen"),
    ],
)
def test_familiarity_goes_by_surface_and_label(surface, label, expected):
    assert SURFACES.familiarity(surface, label) == expected


def test_a_line_says_what_training_says():
    assert SURFACES.describe("Washington") == "Washington: 2 LOC, 1 PER in training"
    assert SURFACES.describe("May") == "May: 1 PER, 1 outside of entities in training"
    assert SURFACES.describe("Berlin") == "Berlin: no entity in training"


def test_tokens_that_hold_blanks_share_the_surface_of_tokens_that_do_not():
    train = [
        Sentence(["New York"], spans=[Span(0, 1, "LOC")]),
        Sentence(["New", "York"], spans=[Span(0, 2, "ORG")]),
    ]
    assert SurfaceCounts(train).labels("New York") == {"LOC": 1, "ORG": 1}


def test_no_sentences_give_no_surfaces():
    surfaces = SurfaceCounts([])
    assert len(surfaces) == 0
    assert surfaces.familiarity("any", "LOC") == "unseen"


@given(
    st.lists(
        st.lists(
            st.tuples(st.sampled_from("ab"), st.sampled_from(["O", "B-X", "I-X", "B-Y"])),
            min_size=1,
            max_size=7,
        ),
        max_size=4,
    )
)
def test_counts_equal_those_of_looking_at_every_range(rows):
    sentences = [
        Sentence([token for token, _ in row], spans=spans_from_tags([tag for _, tag in row]))
        for row in rows
    ]
    surfaces = SurfaceCounts(sentences)
    for surface in {surface_of(s.tokens, span) for s in sentences for span in s.spans}:
        ranges = [
            (sentence, Span(start, end, ""))
            for sentence in sentences
            for start in range(len(sentence))
            for end in range(start + 1, len(sentence) + 1)
            if surface_of(sentence.tokens, Span(start, end, "")) == surface
        ]
        outside = sum(
            all(not (s.start < span.end and span.start < s.end) for span in sentence.spans)
            for sentence, s in ranges
        )
        assert surfaces.outside(surface) == outside
        for label in "XY":
            labelled = sum(s._replace(label=label) in sentence.spans for sentence, s in ranges)
            assert surfaces.labels(surface).get(label, 0) == labelled
