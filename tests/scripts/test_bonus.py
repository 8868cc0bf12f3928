"""What bonuses for entities are worth is measured on one model."""

import ner
from ner.data.schemes import Span
from ner.data.sentence import Sentence
from tests.scripts.running import import_script

script = import_script("benchmark/bonus.py")


def columns(printed):
    return [line.split() for line in printed.splitlines()]


def test_a_higher_bonus_finds_more_of_the_entities(tiny_model, capsys):
    script.main([str(tiny_model), "sample:dev", "--bonus", "0", "2", "9"])
    head, *rows = columns(capsys.readouterr().out)
    assert head == ["bonus", "F1", "precision", "recall"]
    assert [row[0] for row in rows] == ["0", "2", "9"]
    recall = [float(row[3]) for row in rows]
    assert recall[0] < recall[1]
    report = ner.evaluate(ner.load(tiny_model), "sample:dev")
    assert rows[0][1:] == [f"{100 * x:.2f}" for x in (report.f1, report.precision, report.recall)]


class Finder:
    """Finds the same entities in each sentence."""

    def tag_sentences(self, sentences):
        spans = [Span(0, 1, "person"), Span(1, 2, "product"), Span(2, 3, "person")]
        return [s.predicted(ner.Prediction(spans)) for s in sentences]


def test_labels_are_matched_and_handles_left_out():
    sentence = Sentence(["@ada", "Ada", "Bob", "ran"], spans=[(0, 1, "PER"), (2, 3, "PER")])
    labels = {"person": "PER"}
    assert script.score(Finder(), [sentence], labels, False) == (1.0, 1.0, 1.0)
    other = Sentence(["@ada", "Ada", "Bob", "ran"], spans=[(2, 3, "PER"), (3, 4, "PER")])
    assert script.score(Finder(), [other], labels, True) == (2 / 3, 1.0, 0.5)
