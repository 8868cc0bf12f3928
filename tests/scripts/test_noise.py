"""The noisy teacher of the benchmark."""

import numpy as np
import pytest

from ner.data.schemes import Span
from ner.data.sentence import Sentence
from ner.data.tools.noise import Compared, measured_rates
from ner.data.tools.suggestions import Opinion
from tests.scripts.running import import_script

noise = import_script("benchmark/noise.py")


def test_the_teacher_errs_as_often_as_it_should():
    labels = ("A", "B", "C")
    gold = [Sentence(["x"] * 6, spans=[(1, 3, labels[i % 3]), (4, 5, "A")]) for i in range(2000)]
    random = np.random.default_rng(1)
    said = noise.noisy(gold, random)
    found = measured_rates(
        [
            Compared(6, Opinion(dict.fromkeys(s.spans, 1.0)), g.spans)
            for s, g in zip(said, gold, strict=True)
        ]
    )
    assert found.missed == pytest.approx(0.2, abs=0.02)
    assert found.wrong_label == pytest.approx(0.1, abs=0.02)
    assert found.wrong_borders == pytest.approx(0.1, abs=0.02)
    assert found.spurious == 0
    assert said == noise.noisy(gold, np.random.default_rng(1))


def test_a_border_moves_by_a_token_and_touches_no_other_entity():
    assert noise.moves(Span(1, 2, "A"), 4, {0, 1}) == [Span(1, 3, "A")]
    assert noise.moves(Span(0, 2, "A"), 2, {0, 1}) == [Span(1, 2, "A"), Span(0, 1, "A")]
    assert noise.moves(Span(0, 1, "A"), 1, {0}) == []
