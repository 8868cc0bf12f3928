"""The measurement. The floors were set before measuring."""

import pytest

from ner.data.agreement import agreement
from ner.data.formats.read import read_sentences
from ner.data.running_text import as_written
from ner.data.sentence import Sentence
from ner.data.tokenizer import Tokenizer
from tests.scripts.running import import_script

measure_tokenizer = import_script("tokenizer/measure_tokenizer.py")
join_texts = measure_tokenizer.join_texts


def test_documents_are_joined_with_the_offsets_of_sentences():
    sentences = as_written(
        [
            Sentence(tokens.split(), document=document)
            for tokens, document in [("A b .", "1"), ("C .", "1"), ("D", "2"), *[("E", None)] * 2]
        ]
    )
    joined = list(join_texts(sentences, "  "))
    assert [(s.text, starts) for s, starts in joined] == [
        ("A b.  C.", [6]),
        ("D", []),
        ("E", []),
        ("E", []),
    ]
    for sentence, _ in joined:
        assert [sentence.text[start:end] for start, end in sentence.offsets] == [*sentence.tokens]


def test_sentences_are_scored_by_their_ranges_and_borders():
    # One of 3 borders is found, and one wrong border; of 4 sentences, the first one is found.
    scores = measure_tokenizer.sentence_scores(
        lambda _: [2, 5], [(Sentence(["x" * 10]), [2, 4, 7])]
    )
    assert scores == (2 * 1 / (4 + 3), 2 * 1 / (3 + 2))


def test_figures_of_every_convention_are_printed(tmp_path, capsys):
    file = tmp_path / "a.conll"
    file.write_text("Ada B-PER\nleft O\n. O\n\nYes O\n, O\nshe O\ndid O\n. O\n", encoding="utf-8")
    measure_tokenizer.main([str(file)])
    out = capsys.readouterr().out
    assert out.startswith("a.conll: 2 sentences, 8 tokens\n  conll     F1 sentence 100.00, ")
    assert out.count("sentence 100.00, ") == 2
    assert "sentences F1 " in out


def test_a_missing_file_is_one_line(tmp_path):
    with pytest.raises(SystemExit) as exit_:
        measure_tokenizer.main([str(tmp_path / "none.conll")])
    assert str(exit_.value) == f"{tmp_path / 'none.conll'}: no such file."


def test_running_text_is_cut_like_conll2003(shared_data):
    sentences = read_sentences(shared_data("conll2003/eng.testa"))
    assert sum(map(len, sentences)) == 51_362
    texts = as_written(sentences)
    assert agreement(Tokenizer(), texts) >= 0.995
    lines = [document for document, _ in join_texts(texts, "\n")]
    assert agreement(Tokenizer(), lines) >= 0.995


@pytest.mark.parametrize(("rules", "floor"), [("conll", 0.985), ("ud", 0.993)])
def test_raw_text_is_cut_like_the_english_web_treebank(shared_data, rules, floor):
    sentences = read_sentences(shared_data("ud_english_ewt/en_ewt-ud-dev.conllu"))
    assert sum(map(len, sentences)) == 25_147
    assert agreement(Tokenizer(rules), sentences) >= floor
