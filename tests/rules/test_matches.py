"""What rules find in texts, and which of several matches win."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

import ner
from ner.data.schemes import Span
from ner.errors import DataError
from ner.rules.constraints import Constraints
from ner.rules.matching import Matcher, fold, squeeze
from ner.rules.rule import Rule
from ner.rules.settling import Match, settle


def found(text, *rules):
    """Return what rules find in a text: the words with their labels, in its order."""
    return [(e.text, e.label) for e in ner.Rules(rules).tag(text).entities]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("She flew to New York.", ["New York"], id="several words"),
        pytest.param("New \n\tYork\u00a0City", ["New \n\tYork"], id="any white space"),
        pytest.param("New Yorkers in York", ["York"], id="whole tokens"),
        pytest.param("\ud83d York \U0001f600 York", ["York"] * 2, id="half a pair, and a whole"),
        pytest.param("new york, NEW YORK", [], id="other letters"),
        pytest.param("", [], id="no text"),
    ],
)
def test_words_are_found_as_whole_tokens(text, expected):
    rule = Rule("places", "LOC", ("New York", "York"))
    assert [words for words, _ in found(text, rule)] == expected


@pytest.mark.parametrize(
    "text",
    ["STRASSE", "Straße", "straße", "STRAẞE"],
    ids=["two letters", "mixed", "small", "capital"],
)
def test_small_and_capital_letters_can_be_equal(text):
    rule = Rule("words", "X", ("straße", "ὀδός"), ignore_case=True)
    assert found(text, rule) == ([] if text == "STRASSE" else [(text, "X")])
    assert found(f"ὈΔΌΣ {text} İ", rule)[0] == ("ὈΔΌΣ", "X")


def test_patterns_are_found_with_what_is_around_them():
    rule = Rule("titled", "PER", patterns=(r"(?<=Dr\. )\p{Lu}\w+", "[A-Z]+-[0-9]+"))
    assert found("Dr. Ada saw AB-12 x", rule) == [("Ada", "PER"), ("AB-12", "PER")]
    small = Rule("titled", "PER", patterns=("ada",), ignore_case=True)
    assert found("ADA Ada adas", small) == [("ADA", "PER"), ("Ada", "PER")]


def test_a_match_that_cuts_a_token_is_left_out_or_takes_the_whole_token():
    for misaligned, expected in (("drop", []), ("snap", [("Yorkers left", "LOC")])):
        rule = Rule("x", "LOC", patterns=("rkers le",), misaligned=misaligned)
        assert found("The Yorkers left", rule) == expected
    snap = Rule("x", "LOC", ("ork",), misaligned="snap")
    assert found("Yorkers left", snap) == [("Yorkers", "LOC")]


def test_a_pattern_that_takes_too_long_is_named(monkeypatch):
    monkeypatch.setattr("ner.rules.matching.TIME_LIMIT", 0.05)
    rules = ner.Rules([Rule("bad", "X", patterns=("(?:a|aa)+c",))], "x.toml")
    text = ner.Sentence(["a" * 60 + "!c"], source=ner.data.sentence.Source("in.txt", 7))
    with pytest.raises(DataError) as error:
        rules.tag(text)
    assert str(error.value) == (
        "in.txt:7: x.toml: rule 'bad': '(?:a|aa)+c' must be searched within 0.05 seconds in a text "
        "of 62 characters. Got more. Write it with less repetition."
    )


LETTERS = st.text("aAb ßé", min_size=1, max_size=4)


@given(text=st.text("aAb ß\né", max_size=24), words=st.lists(LETTERS, min_size=1, max_size=6))
@pytest.mark.parametrize("ignore_case", [False, True], ids=["exact", "ignoring case"])
def test_the_automaton_finds_what_a_search_at_each_place_finds(ignore_case, text, words):
    words = [word for word in words if word.strip()] or ["a"]
    rules = [Rule(f"{i}", "X", (w,), ignore_case=ignore_case) for i, w in enumerate(words)]

    def is_equal(part, word):
        part, word = (" ".join(f"|{each}|".split()) for each in (part, word.strip()))
        return fold(part) == fold(word) if ignore_case else part == word

    ranges = list(itertools.combinations(range(len(text) + 1), 2))
    expected = {
        (start, end, i)
        for start, end in ranges
        for i, word in enumerate(words)
        if is_equal(text[start:end], word) and text[start:end].strip() == text[start:end]
    }
    assert set(Matcher(rules, "x").find(text)) == expected


@given(text=st.text("a \n\t\u00a0é"))
def test_squeezed_text_keeps_the_place_of_each_character(text):
    squeezed, kept = squeeze(text)
    places = range(len(text)) if kept is None else kept
    assert [c.strip() for c in squeezed] == [text[i].strip() for i in places]
    assert " ".join(text.split()) == squeezed.strip()


@given(text=st.text())
def test_folding_moves_nothing_and_is_done_once(text):
    assert len(fold(text)) == len(text)
    assert fold(fold(text)) == fold(text)


LONG = Rule("long", "ORG", ("New York Times",))
SHORT = Rule("short", "LOC", ("New York",))
URGENT = Rule("urgent", "LOC", ("York Times",), priority=1)
NEVER = Rule("never", None, ("York Times",), never=True)


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        pytest.param([SHORT, LONG, URGENT], [("New York Times", "ORG")], id="the longer one"),
        pytest.param([SHORT, URGENT], [("York Times", "LOC")], id="then the higher priority"),
        pytest.param([SHORT, NEVER], [("New York", "LOC")], id="then the first rule"),
        pytest.param([NEVER, SHORT], [], id="also one that forbids"),
        pytest.param([NEVER, LONG], [("New York Times", "ORG")], id="which may lose as well"),
        pytest.param(
            [Rule("not ORG", "ORG", ("New York",), never=True), SHORT],
            [("New York", "LOC")],
            id="forbidding another label is no conflict",
        ),
    ],
)
def test_of_matches_that_contradict_each_other_one_wins(rules, expected):
    assert found("the New York Times", *rules) == expected


def test_of_equal_matches_of_a_rule_the_first_one_in_the_text_wins():
    assert found("a b a b a", Rule("x", "X", ("a b a",))) == [("a b a", "X")]


def test_what_is_given_wins_against_all_rules():
    rules = ner.Rules([LONG, SHORT, NEVER])
    sentence = ner.Sentence(["the", "New", "York", "Times"])
    given_ = Constraints([Span(3, 4, "ORG")])
    assert rules.constraints(sentence, given_) == Constraints(
        [Span(3, 4, "ORG"), Span(1, 3, "LOC")], []
    )
    given_ = Constraints([], [(1, 2, "LOC"), (1, 2, "ORG")])
    assert rules.constraints(sentence, given_) == Constraints(
        [], [(1, 2, "LOC"), (1, 2, "ORG"), (2, 4, None)]
    )
    assert rules.constraints(ner.Sentence(["no"])) == Constraints()


RULES = [
    *(Rule(f"is {label}", label) for label in "XY"),
    *(Rule(f"not {label}", label, never=True, priority=1) for label in ("X", None)),
]


@st.composite
def matches(draw):
    start, order = draw(st.integers(0, 6)), draw(st.integers(0, len(RULES) - 1))
    return Match(start, start + draw(st.integers(1, 3)), RULES[order], order)


def contradict(one, other):
    if one.start >= other.end or other.start >= one.end:
        return False
    first, second = one.rule, other.rule
    if first.never and second.never:
        return False
    return (
        not (first.never or second.never)
        or None in (first.label, second.label)
        or (first.label == second.label)
    )


@given(several=st.lists(matches(), max_size=8))
def test_winners_agree_and_each_loser_contradicts_a_stronger_winner(several):
    won = settle(several, Constraints())
    assert not any(contradict(*pair) for pair in itertools.combinations(won, 2))
    assert won == sorted(won, key=lambda match: match[:2])

    def strength(match):
        return match.end - match.start, match.rule.priority, -match.order, -match.start

    for match in several:
        if match not in won:
            rivals = [other for other in won if contradict(match, other)]
            assert any(strength(other) >= strength(match) for other in rivals)
