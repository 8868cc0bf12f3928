"""Damaged entities are as described, and they are counted where a suspect names them."""

from collections import Counter

import ner
from ner.data.schemes import Span
from ner.data.sentence import Sentence
from ner.evaluation.suspects import Suspect
from tests.scripts.running import import_script

script = import_script("benchmark/suspects.py")


def test_a_third_of_the_damage_is_of_each_kind_and_the_rest_is_untouched():
    clean = ner.read_sentences("sample:train")
    damaged, damages = script.damage(clean, 0.1, 3)
    again, _ = script.damage(clean, 0.1, 3)
    assert damaged == again
    total = sum(len(s.spans) for s in clean)
    assert len(damages) == round(0.1 * total)
    kinds = Counter(each.kind for each in damages)
    assert set(kinds) == {"type", "boundary", "deletion"}
    assert abs(kinds["deletion"] - len(damages) / 3) <= 1
    left = Counter()
    for each in damages:
        assert each.span in clean[each.sentence].spans
        assert each.left is None or each.left in damaged[each.sentence].spans
        assert each.left != each.span
        left[each.sentence] += 1
    for i, (before, after) in enumerate(zip(clean, damaged, strict=True)):
        assert left[i] or before == after
        assert all(a.end <= b.start for a, b in zip(after.spans, after.spans[1:], strict=False))


def test_other_borders_stay_between_the_neighbours():
    span = Span(2, 4, "X")
    assert script.other_borders(span, 2, 4) == [Span(3, 4, "X"), Span(2, 3, "X")]
    assert script.other_borders(Span(2, 3, "X"), 1, 3) == [Span(1, 3, "X")]
    assert script.other_borders(Span(0, 1, "X"), 0, 1) == []


def suspect(sentence, span, gold):
    return Suspect(sentence, span, "type", 1.0, gold, 0.1, None, 0.5)


def test_only_the_first_suspects_count_and_each_damage_once():
    damages = [
        script.Damage(0, Span(0, 1, "A"), "type", Span(0, 1, "B")),
        script.Damage(1, Span(2, 4, "A"), "deletion", None),
        script.Damage(2, Span(0, 2, "A"), "boundary", Span(0, 1, "A")),
    ]
    wrong = suspect(2, Span(3, 4, "A"), Span(3, 4, "A"))
    found = suspect(0, Span(0, 1, "B"), Span(0, 1, "B"))
    missing = suspect(1, Span(3, 5, "C"), None)
    rows = script.summary([wrong, found, missing, missing], damages, 20).splitlines()
    cells = {row.split("  ")[0].strip(): row.split() for row in rows[1:]}
    assert cells["5 %"][2:] == ["1", "0", "0", "0", "0", "0.0", "%"]
    assert cells["10 %"][2:] == ["2", "1", "0", "0", "1", "33.3", "%"]
    assert cells["20 %"][2:] == ["4", "1", "0", "1", "2", "66.7", "%"]


def test_the_script_prints_its_table(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    corpus = tmp_path / "train.conll"
    sentences = [
        Sentence([f"Ada{i}", "met", f"Bob{i}", "."], spans=[(0, 1, "A"), (2, 3, "B")])
        for i in range(20)
    ]
    corpus.write_text("".join(f"{t} {g}\n" for s in sentences for t, g in rows(s)), "utf-8")
    small = ["encoder.size=4", "words.size=4", "training.epochs=1", "training.threads=1"]
    options = [word for setting in small for word in ("--set", setting)]
    script.main([str(corpus), "--share", "0.2", "--folds", "2", *options])
    out = capsys.readouterr().out
    assert "F1 on held parts" in out
    assert "first  suspects  type (" in out


def rows(sentence):
    return [*zip(sentence.tokens, sentence.tags("BIO"), strict=True), ("", "")]
