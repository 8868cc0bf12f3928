import unicodedata

import pytest

from ner.data.running_text import UNSPACED_START, as_written, is_cut_by_characters, write_text
from ner.data.sentence import Sentence
from ner.data.tokenizer import Tokenizer

# By what they show: tokens with blanks between them, and the text.
TEXTS = {
    "clitics and brackets": ("Ada 's son , ( who did n't ) .", "Ada's son, (who didn't)."),
    "curly clitics": ("they ’re “ in ”", "they’re “in”"),
    "double quotes": ('He said " yes " and " no "', 'He said "yes" and "no"'),
    "quotes of the Penn Treebank": ("`` yes '' !", "``yes''!"),
    "apostrophe and quotes": ("the players ' cup ' no '", "the players' cup 'no'"),
    "year": ("' yes ' in ' 96", "'yes' in '96"),
    "currencies": ("C$ 5 , $ 6 , 7 % ...", "C$5, $6, 7%..."),
    "square brackets": ("[ 1 ] a -- b / c", "[1] a -- b / c"),
    "elided words": ("l' homme qu’ il dell' Arte", "l'homme qu’il dell'Arte"),
    "Spanish": ("¿ Qué « es » ?", "¿Qué «es»?"),
    "Chinese words": ("生于 1963 年 ， IBM 公司", "生于1963年，IBM公司"),
    "Chinese and Latin words": ("Ada Bo 说 New York", "Ada Bo说New York"),
    "Japanese": ("東京 タワー へ 行く 。", "東京タワーへ行く。"),
    "Thai": ("ไป กรุงเทพ 2024", "ไปกรุงเทพ2024"),
    "Korean": ("서울 에 간다", "서울 에 간다"),
}


@pytest.mark.parametrize(("tokens", "text"), [*TEXTS.values()], ids=[*TEXTS])
def test_tokens_become_running_text(tokens, text):
    words = tokens.split(" ")
    written, offsets = write_text(words)
    assert written == text
    assert [written[start:end] for start, end in offsets] == words


def test_characters_are_joined_without_blanks():
    written, offsets = write_text([*"生于1963年"], by_character=True)
    assert (written, len(offsets)) == ("生于1963年", 7)


@pytest.mark.parametrize(
    ("sentences", "expected"),
    [
        (["生 于 1 9 6 3 年 ， M B A", "1 9 6 3"], True),
        (["조 경 현 은"], True),
        (["生于 1963 年 ， 他"], False),
        (["科0 技1 全0"], False),
        (["a b c", "1 9"], False),
        ([], False),
    ],
    ids=["Chinese", "Korean", "words", "numbered characters", "letters", "nothing"],
)
def test_a_corpus_is_cut_by_characters_of_scripts_whose_words_need_no_blanks(sentences, expected):
    assert is_cut_by_characters([Sentence(s.split(" ")) for s in sentences]) is expected


def test_a_corpus_that_kept_its_text_keeps_it():
    own = Sentence(["2", ".", "Ada"], text="2. Ada", offsets=[(0, 1), (1, 2), (3, 6)])
    plain = Sentence(["Ada", "."])
    assert as_written([own, plain]) == [own, plain]
    (written,) = as_written([plain])
    assert (written.text, written.offsets) == ("Ada.", ((0, 3), (3, 4)))


def test_scripts_without_blanks_are_those_of_the_tokenizer():
    # Marks among the punctuation of Chinese, and letters of its width, have no blanks either.
    letters = [
        c
        for c in map(chr, range(0x110000))
        if unicodedata.category(c) in ("Lu", "Ll", "Lt", "Lm", "Lo")
        and not ("\u3000" <= c <= "\u303f" or "\uff01" <= c <= "\uff9f" or c == "\U00016fe3")
    ]
    tokenize = Tokenizer()
    apart = [c for c in letters if tokenize(f"a{c}b")[0] == ["a", c, "b"]]
    assert apart == [c for c in letters if UNSPACED_START.match(c)]
