import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ner.data.formats.records import cut_at_blanks
from ner.data.spans import CharSpan, FieldError, Notes, SpanRules, align_spans, split_tokens

TEXT = "to New York, 😀 twice"
OFFSETS = [(0, 2), (3, 6), (7, 11), (11, 12), (13, 14), (15, 20)]


def align(*spans, text=TEXT, offsets=OFFSETS, unit="characters", **rules):
    notes = Notes()
    given = [CharSpan(*span) for span in spans]
    rules = SpanRules(**rules, notes=notes, offsets=unit)
    return align_spans(given, text, offsets, rules, "x:1"), notes


def error_of(*spans, **options):
    with pytest.raises(FieldError) as error:
        align(*spans, **options)
    return str(error.value)


def test_whole_tokens_need_no_rule():
    spans, notes = align((13, 14, "E"), (3, 11, "LOC"))
    assert spans == [(1, 3, "LOC"), (4, 5, "E")]
    assert not notes.changes


@pytest.mark.parametrize(
    ("span", "snapped"),
    [
        pytest.param((4, 6), (1, 2), id="end inside"),
        pytest.param((3, 5), (1, 2), id="start in the blank before"),
        pytest.param((4, 8), (1, 3), id="end of the next"),
        pytest.param((2, 6), (1, 2), id="start inside"),
        pytest.param((3, 7), (1, 2), id="both in blanks"),
        pytest.param((6, 12), (2, 4), id="start in a blank"),
        pytest.param((0, 20), (0, 6), id="the whole text"),
        pytest.param((5, 14), (1, 5), id="start and end inside"),
    ],
)
def test_misaligned_spans_are_refused_snapped_outwards_or_dropped(span, snapped):
    exact = span == (0, 20)
    if not exact:
        assert error_of((*span, "X")).endswith("does not start and end at token borders.")
        dropped, notes = align((*span, "X"), misaligned="drop")
        assert dropped == []
        assert notes.changes[0].startswith(f"x:1: dropped: span [{span[0]}, {span[1]}) ")
    spans, notes = align((*span, "X"), misaligned="snap")
    assert spans == [(*snapped, "X")]
    assert len(notes.changes) == (not exact)


def test_a_span_of_white_space_cannot_be_snapped():
    spans, notes = align((2, 3, "X"), misaligned="snap")
    assert spans == []
    assert notes.changes == ["x:1: dropped: span [2, 3) ' ' touches no token."]


@pytest.mark.parametrize(
    "span",
    [(3, 3), (-1, 2), (3, 21), (6, 3)],
    ids=["empty", "before the text", "beyond the text", "backwards"],
)
def test_spans_outside_the_text_are_refused_unless_dropped(span):
    for misaligned in ("refuse", "snap"):
        message = error_of((*span, "X"), misaligned=misaligned)
        assert message.endswith("must not be empty, and be within a text of 20 characters.")
    spans, notes = align((*span, "X"), misaligned="drop")
    assert (spans, len(notes.changes)) == ([], 1)


def test_of_overlapping_spans_the_longest_is_kept_or_none():
    given = [(3, 6, "A"), (3, 11, "B"), (7, 12, "C"), (13, 14, "D"), (13, 14, "E")]
    assert error_of(*given) == "spans [3, 11) and [7, 12) overlap."
    spans, notes = align(*given, overlapping="drop")
    assert spans == [(1, 3, "B"), (4, 5, "D")]
    assert len(notes.changes) == 3
    assert "x:1: dropped: span [7, 12) 'York,': spans [3, 11) and [7, 12) overlap." in notes.changes


def test_the_text_of_a_span_must_stand_there():
    assert align((3, 11, "X", "New\nYork"))[0] == [(1, 3, "X")]
    assert error_of((3, 11, "X", "Boston")) == (
        "span [3, 11) 'New York': the file says that 'Boston' is there."
    )
    assert align((3, 11, "X", "Boston"), misaligned="drop")[0] == []


def test_offsets_in_utf16_units_are_told_by_the_text_of_the_span():
    # The emoji is two units: everything after it is one further on.
    spans, notes = align((16, 21, "X", "twice"))
    assert spans == [(5, 6, "X")]
    assert notes.ignored == {"offsets in UTF-16 units, which were converted": 1}


def test_words_that_share_a_range_belong_together():
    offsets = [(0, 2), (3, 6), (3, 6), (7, 11)]
    spans, _ = align((3, 6, "X"), (7, 11, "Y"), offsets=offsets)
    assert spans == [(1, 3, "X"), (3, 4, "Y")]


@given(
    text=st.text(st.sampled_from("ab \t😀"), max_size=12),
    places=st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), max_size=4),
)
def test_snapped_spans_cover_what_they_touch_and_never_overlap(text, places):
    _, offsets = cut_at_blanks(text)
    given = [(s, e, "X") for s, e in places if s < e <= len(text)]
    spans, notes = align(*given, text=text, offsets=offsets, misaligned="snap", overlapping="drop")
    for one, other in itertools.pairwise(spans):
        assert one.end <= other.start
    touched = {
        tuple(i for i, (s, e) in enumerate(offsets) if s < end and e > start)
        for start, end, _ in given
    }
    assert {tuple(range(s.start, s.end)) for s in spans} <= touched
    assert len(spans) == len(given) - sum("dropped" in line for line in notes.changes)


def brute_force(spans):
    """Keep the longest first, and of equal ones the first."""
    kept = []
    for span in sorted(spans, key=lambda s: (s[0] - s[1], s)):
        if all(span[1] <= other[0] or other[1] <= span[0] for other in kept):
            kept.append(span)
    return sorted(kept)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 5)), max_size=8))
def test_overlaps_are_resolved_as_by_trying_all_pairs(pairs):
    given = [(start, min(10, start + size), "X") for start, size in pairs if start < 10]
    offsets = [(i, i + 1) for i in range(10)]
    spans, _ = align(*given, text="abcdefghij", offsets=offsets, overlapping="drop")
    assert [tuple(span) for span in spans] == brute_force(given)


@pytest.mark.parametrize(
    ("text", "unit", "span"),
    [
        pytest.param("😀 Ada left", "utf16", (3, 6), id="UTF-16 units"),
        pytest.param("é Ada left", "bytes", (3, 6), id="bytes"),
        pytest.param("a\nAda left", "crlf", (3, 6), id="two characters at the end of a line"),
        pytest.param("a\r\nAda left", "crlf", (2, 5), id="one character at the end of a line"),
        pytest.param("a Ada left", "characters", (2, 5), id="characters"),
    ],
)
def test_offsets_count_what_the_rules_say_or_what_the_text_shows(text, unit, span):
    _, offsets = cut_at_blanks(text.replace("\r", " "))
    known, notes = align((*span, "X"), text=text, offsets=offsets, unit=unit)
    assert known == [(1, 2, "X")]
    assert not notes.ignored
    told, notes = align((*span, "X", "Ada"), text=text, offsets=offsets)
    assert told == [(1, 2, "X")]
    assert len(notes.ignored) == (unit != "characters")


def test_an_offset_inside_a_character_is_refused():
    message = error_of((0, 1, "X"), text="😀 a", offsets=[(0, 1), (2, 3)], unit="utf16")
    assert message == (
        "span [0, 1): must be within the text and not cut a character, counted in UTF-16 units."
    )


def test_tokens_are_split_where_spans_start_and_end():
    notes = Notes()
    spans = [CharSpan(6, 11, "LOC"), CharSpan(15, 18, "X"), CharSpan(90, 99, "nowhere")]
    pieces = split_tokens(spans, TEXT, OFFSETS, SpanRules("split", notes=notes), "x:1")
    assert pieces == [*OFFSETS[:5], (15, 18), (18, 20)]
    assert notes.changes == ["x:1: split: token [15, 20) 'twice' into 'twi ce'."]


@given(
    text=st.text(st.sampled_from("ab 😀"), max_size=12),
    places=st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), max_size=4),
)
def test_after_a_split_spans_lose_nothing_but_blanks_at_their_ends(text, places):
    _, offsets = cut_at_blanks(text)
    given = [CharSpan(s, e, "X") for s, e in places if s < e <= len(text) and text[s:e].strip()]
    rules = SpanRules("split", "drop")
    pieces = split_tokens(given, text, offsets, rules, "x:1")
    found = align_spans(given, text, pieces, SpanRules("split", "drop"), "x:1")
    covered = {text[pieces[s.start][0] : pieces[s.end - 1][1]] for s in found}
    assert covered <= {text[s.start : s.end].strip(" ") for s in given}
    assert "".join(text[s:e] for s, e in pieces) == text.replace(" ", "")
