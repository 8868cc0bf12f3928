import random

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from ner.data.first_rules import FUSED_ENDS, first_patterns
from ner.data.token_patterns import NAMES, PATTERNS
from ner.data.tokenizer import RULES, Tokenizer
from tests.data.corpora import loaded_modules

ALL_RULES = {
    rules: regex.compile(PATTERNS[rules], ignore_unused=True, **NAMES) for rules in FUSED_ENDS
}
# Words that become two tokens, others that end as these do, and what may stand around them.
FUSED = [
    "wanna gotta outta gimme lemme gonna cannot alot im",
    "ive youre its thats theres hes shes whats lets",
    "whos aint cant dont wont arent couldnt didnt doesnt",
    "hadnt hasnt havent isnt shouldnt wasnt werent wouldnt",
]
FUSED = " ".join(FUSED).split()
WORDS = "me came data parent event went tent sent him swim sure his this not knot a it Ægir Köln"
AROUND = ["'s ", "’S ", "'s", ". ", ".", ", ", "! ", '" ', "(", ") ", "; ", ": ", "-", "1996 ", "5"]
PIECES = [*FUSED, *map(str.title, FUSED), *WORDS.split(), *AROUND, *[" "] * 20, "\n", "×", "\xa0"]


def ranges(pattern, text):
    return [match.span() for match in pattern.finditer(text)]


@pytest.mark.parametrize("rules", FUSED_ENDS)
@given(pieces=st.lists(st.sampled_from(PIECES) | st.text("ntame's. ,ÿ9", max_size=6), max_size=9))
def test_they_cut_a_text_that_they_suffice_for_as_all_rules_do(rules, pieces):
    text = "".join(pieces)
    first, whole_text = first_patterns(rules)
    if whole_text.fullmatch(text):
        assert ranges(first, text) == ranges(ALL_RULES[rules], text)


@pytest.mark.parametrize("rules", FUSED_ENDS)
def test_they_suffice_for_many_texts(rules):
    choose = random.Random(1)
    first, whole_text = first_patterns(rules)
    pieces = ["Ada", "York", '"Rome"', "(1996)", "yes,", "Bob's", "why?", *["town", "he"] * 20]
    pieces += [*FUSED, *WORDS.split()]
    texts = [" ".join(choose.choices(pieces, k=3)) for _ in range(2000)]
    enough = [text for text in texts if whole_text.fullmatch(text)]
    assert 100 < len(enough) < 1900
    for text in enough:
        assert ranges(first, text) == ranges(ALL_RULES[rules], text)


@pytest.mark.parametrize("rules", FUSED_ENDS)
@pytest.mark.parametrize("word", ["gimme", "Gotta", "ISNT", "wanna"])
@pytest.mark.parametrize("end", ["", ".", " it.", "'s "], ids=["end", "period", "word", "clitic"])
def test_words_that_become_two_tokens_are_left_to_others(rules, word, end):
    _, whole_text = first_patterns(rules)
    assert not whole_text.fullmatch(f"I {word}{end}")
    assert len(Tokenizer(rules)(f"I {word}{end}")[0]) >= 3


@pytest.mark.parametrize(
    ("text", "needed"),
    [
        ("Angela Merkel visited Siemens in Munich.", []),
        pytest.param(
            'The "New York" (1996) is in Ada\'s town, not here!', [], id="marks and numbers"
        ),
        ("A well-known man.", ["regex"]),
    ],
    ids=["plain words", "marks and numbers", "a hyphen"],
)
def test_a_text_of_plain_words_waits_for_no_other_rules(text, needed):
    call = f"from ner.data.tokenizer import Tokenizer; Tokenizer()({text!r})"
    assert loaded_modules(call, ["regex", "torch"]) == needed


def test_each_convention_has_all_rules():
    assert tuple(PATTERNS) == RULES
