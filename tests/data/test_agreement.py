import pytest

from ner.data.agreement import agreement, choose_rules, compare_rules, low_agreement
from ner.data.sentence import Sentence
from ner.data.tokenizer import Tokenizer


def test_agreement_is_the_f1_of_ranges():
    words = Sentence(["two", "-", "day", "trip"], "two-day trip", [(0, 3), (3, 4), (4, 7), (8, 12)])
    assert agreement(Tokenizer("ud"), [words]) == 1
    # One of two tokens is right, and one of four is found.
    half = agreement(Tokenizer("conll"), [words])
    assert half == pytest.approx(2 * (1 / 2) * (1 / 4) / (1 / 2 + 1 / 4))
    assert agreement(Tokenizer(), []) == 1


def test_rules_are_compared_on_text_without_blanks_between_characters():
    # Of 12 tokens of the corpus and 7 found, "1963" and "MBA" among them, 5 are the same.
    found = compare_rules([Sentence([*"生于1963年，MBA。"])])
    assert found["character"] == 1
    assert found["conll"] == found["ud"] == pytest.approx(2 * 5 / (7 + 12))


@pytest.mark.parametrize(
    ("tokens", "rules"),
    [
        ([*"生于1963年。"], "character"),
        (["生", "于", "1963", "年", "。"], "conll"),
        ([*"生于"], "conll"),
        (["A", "two", "-", "day", "I"], "conll"),
        ([], "conll"),
    ],
    ids=["characters", "numbers as words", "no difference", "English", "no tokens"],
)
def test_characters_are_tokens_where_the_corpus_has_it_so(tokens, rules):
    assert choose_rules(compare_rules([Sentence(tokens)])) == rules


def test_low_agreement_is_a_line_with_a_way_out():
    assert low_agreement(0.95) is None
    assert low_agreement(0.985, {"conll": 0.985, "ud": 0.995}) is None
    line = low_agreement(0.07, {"conll": 0.07, "ud": 0.06})
    assert line == (
        "raw text is cut into other tokens than the training data have: they agree to 7.0 %. "
        "Give the model tokens, in CoNLL files or with tag_tokens()."
    )
    # Other rules that are better are named, also where agreement is not low.
    line = low_agreement(0.93, {"conll": 0.93, "character": 1.0})
    assert line is not None
    assert line.endswith("Set data.tokenizer to 'character', which agrees to 100.0 %.")
