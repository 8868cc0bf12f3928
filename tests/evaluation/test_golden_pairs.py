"""Pairs of gold and predicted tags with the counts of every convention, written out by hand."""

import itertools
from dataclasses import dataclass, field

import pytest
import seqeval.scheme
from seqeval.metrics.sequence_labeling import get_entities

from ner.data.schemes import spans_from_tags
from ner.evaluation.conlleval import conlleval_spans, count_spans
from ner.evaluation.conventions import CONVENTIONS, MatchCounts, count_conventions
from ner.evaluation.span_metrics import SEQEVAL_SCHEMES, evaluate_tags
from tests.evaluation.references import Conlleval, nervaluate_counts


def muc(strict, exact, partial, type_):
    """Counts of correct, incorrect, partial, missed and spurious spans by each convention."""
    return dict(zip(CONVENTIONS, (strict, exact, partial, type_), strict=True))


def alike(counts):
    return muc(counts, counts, counts, counts)


@dataclass
class Pair:
    """Tags of sentences, which `|` separates, and what each convention says of them.

    Args:
        right: The number of tokens whose tags are equal.
        default: Right, predicted and gold spans in the default mode of seqeval.
        muc: The counts of the four conventions of MUC for the spans of the default mode.
        scheme: The scheme of seqeval's strict mode.
        strict: Right, predicted and gold spans in strict mode, if others than by default.
        conlleval: Right, predicted and gold spans of conlleval, if others than by default.
        nervaluate: What nervaluate 1.2 says where it departs from the definition.
    """

    name: str
    gold: str
    predicted: str
    right: int
    default: tuple[int, int, int]
    muc: dict[str, tuple[int, int, int, int, int]]
    scheme: str = "BIO"
    strict: tuple[int, int, int] | None = None
    conlleval: tuple[int, int, int] | None = None
    nervaluate: dict[str, tuple[int, int, int, int, int]] = field(default_factory=dict)

    @property
    def sides(self):
        sides = ([one.split() for one in side.split("|")] for side in (self.gold, self.predicted))
        return [[tags for tags in side if tags] for side in sides]

    @property
    def spans(self):
        return [[spans_from_tags(tags) for tags in side] for side in self.sides]


# What a boundary that is wrong counts, and what is then left over on either side.
BOUNDARY = muc((0, 1, 0, 0, 0), (0, 1, 0, 0, 0), (0, 0, 1, 0, 0), (1, 0, 0, 0, 0))
BOUNDARY_AND_MISSED = muc((0, 1, 0, 1, 0), (0, 1, 0, 1, 0), (0, 0, 1, 1, 0), (1, 0, 0, 1, 0))
BOUNDARY_AND_SPURIOUS = muc((0, 1, 0, 0, 1), (0, 1, 0, 0, 1), (0, 0, 1, 0, 1), (1, 0, 0, 0, 1))
PAIRS = [
    # Nothing, or nothing on one side.
    Pair("no sentences", "", "", 0, (0, 0, 0), alike((0, 0, 0, 0, 0))),
    Pair("all O", "O O", "O O", 2, (0, 0, 0), alike((0, 0, 0, 0, 0))),
    Pair("all O in gold", "O O O", "B-X I-X O", 1, (0, 1, 0), alike((0, 0, 0, 0, 1))),
    Pair("all O predicted", "B-X I-X O", "O O O", 1, (0, 0, 1), alike((0, 0, 0, 1, 0))),
    # All right.
    Pair("equal", "B-X I-X O B-Y", "B-X I-X O B-Y", 4, (2, 2, 2), alike((2, 0, 0, 0, 0))),
    Pair("one token", "B-X", "B-X", 1, (1, 1, 1), alike((1, 0, 0, 0, 0))),
    Pair("equal neighbours", "B-X B-X", "B-X B-X", 2, (2, 2, 2), alike((2, 0, 0, 0, 0))),
    Pair("one label over all", "B-X I-X I-X", "B-X I-X I-X", 3, (1, 1, 1), alike((1, 0, 0, 0, 0))),
    Pair("hyphen in a label", "B-X-Y I-X-Y", "B-X-Y I-X-Y", 2, (1, 1, 1), alike((1, 0, 0, 0, 0))),
    # Borders.
    Pair("longer to the right", "B-X O", "B-X I-X", 1, (0, 1, 1), BOUNDARY),
    Pair("longer to the left", "O B-X", "B-X I-X", 0, (0, 1, 1), BOUNDARY),
    Pair("inner token", "B-X I-X I-X", "O B-X O", 0, (0, 1, 1), BOUNDARY),
    Pair("shifted by one", "B-X I-X O", "O B-X I-X", 0, (0, 1, 1), BOUNDARY),
    Pair("beside, not over", "B-X O", "O B-X", 0, (0, 1, 1), alike((0, 0, 0, 1, 1))),
    Pair(
        "a hundred and fifty tokens, one found",
        "B-X" + " I-X" * 149,
        "B-X" + " O" * 149,
        1,
        (0, 1, 1),
        BOUNDARY,
        # An overlap of less than 1 % of the gold span is none for nervaluate.
        nervaluate=alike((0, 0, 0, 1, 1)),
    ),
    # Neighbours joined and split.
    Pair("neighbours joined", "B-X B-X", "B-X I-X", 1, (0, 1, 2), BOUNDARY_AND_MISSED),
    Pair("split in two", "B-X I-X", "B-X B-X", 1, (0, 2, 1), BOUNDARY_AND_SPURIOUS),
    Pair(
        "split with a gap",
        "B-X I-X I-X I-X I-X",
        "B-X O B-X O B-X",
        1,
        (0, 3, 1),
        muc((0, 1, 0, 0, 2), (0, 1, 0, 0, 2), (0, 0, 1, 0, 2), (1, 0, 0, 0, 2)),
    ),
    Pair(
        "two labels joined under the second",
        "B-X I-X O B-Y",
        "B-Y I-Y I-Y I-Y",
        0,
        (0, 1, 2),
        BOUNDARY_AND_MISSED,
    ),
    Pair(
        "split, the other label first",
        "B-X I-X I-X",
        "B-Y B-X O",
        0,
        (0, 2, 1),
        BOUNDARY_AND_SPURIOUS,
        # It takes predicted spans one by one: Y takes the gold span before X comes.
        nervaluate={"type": (0, 1, 0, 0, 1)},
    ),
    Pair(
        "chain that ends in a right label",
        "B-X I-X B-Y I-Y",
        "O B-Y I-Y B-Y",
        0,
        (0, 2, 2),
        muc((0, 2, 0, 0, 0), (0, 2, 0, 0, 0), (0, 0, 2, 0, 0), (1, 1, 0, 0, 0)),
        # Its first predicted span takes the second gold one and leaves nothing for the next.
        nervaluate={"type": (1, 0, 0, 1, 1)},
    ),
    Pair(
        "chain whose middle has one label",
        "O B-X I-X B-Y I-Y",
        "B-Z I-Z B-X I-X O",
        0,
        (0, 2, 2),
        muc((0, 2, 0, 0, 0), (0, 2, 0, 0, 0), (0, 0, 2, 0, 0), (1, 0, 0, 1, 1)),
        # Its first predicted span takes the gold one that the second would be right for.
        nervaluate={"type": (0, 2, 0, 0, 0)},
    ),
    # Labels.
    Pair(
        "other label",
        "B-X I-X",
        "B-Y I-Y",
        0,
        (0, 1, 1),
        muc((0, 1, 0, 0, 0), (1, 0, 0, 0, 0), (1, 0, 0, 0, 0), (0, 1, 0, 0, 0)),
    ),
    Pair(
        "other label and border",
        "B-X I-X",
        "B-Y O",
        0,
        (0, 1, 1),
        muc((0, 1, 0, 0, 0), (0, 1, 0, 0, 0), (0, 0, 1, 0, 0), (0, 1, 0, 0, 0)),
    ),
    Pair(
        "labels exchanged",
        "B-X O B-Y",
        "B-Y O B-X",
        1,
        (0, 2, 2),
        muc((0, 2, 0, 0, 0), (2, 0, 0, 0, 0), (2, 0, 0, 0, 0), (0, 2, 0, 0, 0)),
    ),
    # Tags that are not legal: the default mode reads them, strict mode leaves them out.
    Pair(
        "label switches inside",
        "B-X I-X",
        "B-X I-Y",
        1,
        (0, 2, 1),
        BOUNDARY_AND_SPURIOUS,
        strict=(0, 1, 1),
    ),
    Pair(
        "label switches inside of gold",
        "B-X I-Y",
        "B-X I-X",
        1,
        (0, 1, 2),
        BOUNDARY_AND_MISSED,
        strict=(0, 1, 1),
    ),
    Pair(
        "I begins a span",
        "B-X I-X",
        "I-X I-X",
        1,
        (1, 1, 1),
        alike((1, 0, 0, 0, 0)),
        "BIO",
        (0, 0, 1),
    ),
    Pair(
        "I begins a gold span",
        "O I-X",
        "O B-X",
        1,
        (1, 1, 1),
        alike((1, 0, 0, 0, 0)),
        "BIO",
        (0, 1, 0),
    ),
    Pair(
        "leftovers around a nested span",
        "B-X I-X I-X I-X",
        "B-X B-Y I-X I-X",
        3,
        (0, 3, 1),
        muc((0, 1, 0, 0, 2), (0, 1, 0, 0, 2), (0, 0, 1, 0, 2), (1, 0, 0, 0, 2)),
        strict=(0, 2, 1),
    ),
    Pair(
        "leftovers around a nested gold span",
        "B-X B-Y I-X",
        "B-X I-X I-X",
        2,
        (0, 1, 3),
        muc((0, 1, 0, 2, 0), (0, 1, 0, 2, 0), (0, 0, 1, 2, 0), (1, 0, 0, 2, 0)),
        strict=(0, 1, 2),
    ),
    Pair(
        "leftover that is right by chance",
        "B-X I-X O B-Y",
        "B-X I-X O I-Y",
        3,
        (2, 2, 2),
        alike((2, 0, 0, 0, 0)),
        strict=(1, 1, 2),
    ),
    # IOB1.
    Pair(
        "IOB1 neighbours",
        "I-X I-X B-X",
        "I-X I-X B-X",
        3,
        (2, 2, 2),
        alike((2, 0, 0, 0, 0)),
        "IOB1",
    ),
    Pair(
        "B where IOB1 has I",
        "I-X O",
        "B-X O",
        1,
        (1, 1, 1),
        alike((1, 0, 0, 0, 0)),
        "IOB1",
        strict=(0, 0, 1),
    ),
    # BIOES, whose neighbours conlleval joins, because it starts no span at a B after an E.
    Pair(
        "E-B neighbours",
        "B-X E-X B-X E-X",
        "B-X E-X B-X E-X",
        4,
        (2, 2, 2),
        alike((2, 0, 0, 0, 0)),
        "BIOES",
        conlleval=(1, 1, 1),
    ),
    Pair(
        "E-B neighbours joined",
        "B-X E-X B-X E-X",
        "B-X I-X I-X E-X",
        2,
        (0, 1, 2),
        BOUNDARY_AND_MISSED,
        "BIOES",
        conlleval=(1, 1, 1),
    ),
    Pair(
        "S-S neighbours, one found",
        "S-X S-X",
        "S-X O",
        1,
        (1, 1, 2),
        alike((1, 0, 0, 1, 0)),
        "BIOES",
        conlleval=(0, 1, 1),
    ),
    Pair(
        "E-B neighbours with other labels",
        "B-X E-X B-Y E-Y",
        "B-X E-X S-Y S-Y",
        2,
        (1, 3, 2),
        muc((1, 1, 0, 0, 1), (1, 1, 0, 0, 1), (1, 0, 1, 0, 1), (2, 0, 0, 0, 1)),
        "BIOES",
        conlleval=(2, 2, 2),
    ),
    Pair(
        "no E at the end",
        "B-X E-X",
        "B-X I-X",
        1,
        (1, 1, 1),
        alike((1, 0, 0, 0, 0)),
        "BIOES",
        strict=(0, 0, 1),
    ),
    Pair(
        "E alone", "S-X O", "E-X O", 1, (1, 1, 1), alike((1, 0, 0, 0, 0)), "BIOES", strict=(0, 0, 1)
    ),
    # Several sentences.
    Pair(
        "one right, one missed, one spurious",
        "B-X I-X | O B-Y | O",
        "B-X I-X | O O | B-X",
        3,
        (1, 2, 2),
        alike((1, 0, 0, 1, 1)),
    ),
    Pair(
        "no span goes on",
        "B-X | I-X",
        "B-X | I-X",
        2,
        (2, 2, 2),
        alike((2, 0, 0, 0, 0)),
        "BIO",
        (1, 1, 1),
    ),
    Pair(
        "every kind at once",
        "B-X O B-X I-X O B-X O B-X O | O O",
        "B-X O B-X O O B-Y O O B-X | B-Z O",
        6,
        (1, 5, 4),
        muc((1, 2, 0, 1, 2), (2, 1, 0, 1, 2), (2, 0, 1, 1, 2), (2, 1, 0, 1, 2)),
    ),
]


def by_name(pair):
    return pair.name


every_pair = pytest.mark.parametrize("pair", PAIRS, ids=by_name)


def figures(counts):
    """Precision, recall and F1 of right, predicted and gold spans; 0 where there is no span."""
    right, predicted, gold = counts
    return right / max(predicted, 1), right / max(gold, 1), 2 * right / max(predicted + gold, 1)


def scores(report):
    return pytest.approx((report.precision, report.recall, report.f1, report.support))


def counted(right, predicted, gold):
    return len(set(right)), len(set(predicted)), len(set(gold))


def test_there_are_enough_pairs_with_names_of_their_own():
    assert len(PAIRS) == len({pair.name for pair in PAIRS}) >= 30


@every_pair
def test_our_reports_have_the_figures(pair):
    default, strict = evaluate_tags(*pair.sides, pair.scheme)
    expected = pair.strict or pair.default
    for mode, counts in ((default, pair.default), (strict, expected)):
        assert scores(mode.micro) == (*figures(counts), counts[2])
        assert scores(mode.strict) == (*figures(expected), expected[2])
        assert mode.accuracy == pytest.approx(pair.right / max(sum(map(len, pair.sides[0])), 1))


@every_pair
def test_seqeval_counts_the_same_by_default(pair):
    gold, predicted = (
        [(i, *s) for i, t in enumerate(side) for s in get_entities(t)] for side in pair.sides
    )
    assert counted(set(gold) & set(predicted), predicted, gold) == pair.default


@every_pair
def test_seqeval_counts_the_same_in_strict_mode(pair):
    scheme = getattr(seqeval.scheme, SEQEVAL_SCHEMES[pair.scheme])
    gold, predicted = (
        set(itertools.chain.from_iterable(seqeval.scheme.Entities(side, scheme).entities))
        for side in pair.sides
    )
    assert counted(gold & predicted, predicted, gold) == (pair.strict or pair.default)


@every_pair
def test_conlleval_counts_the_same(pair):
    expected = pair.conlleval or pair.default
    counts = count_spans(*([list(conlleval_spans(t)) for t in side] for side in pair.sides))
    assert tuple(counts[kind].total() for kind in ("right", "predicted", "gold")) == expected
    lines = [
        f"w {' '.join(tags)}".encode() if tags else b""
        for one in zip(*pair.sides, strict=True)
        for tags in (*zip(*one, strict=True), ())
    ]
    reference = Conlleval(lines)
    assert (reference.right, reference.predicted, reference.gold) == expected


@every_pair
def test_our_conventions_of_muc_have_the_counts(pair):
    found = count_conventions(*pair.spans)
    assert found.overall == {name: MatchCounts(*counts) for name, counts in pair.muc.items()}


@pytest.mark.parametrize("pair", [pair for pair in PAIRS if pair.gold], ids=by_name)
def test_nervaluate_counts_the_same_or_departs_as_noted(pair):
    overall, _ = nervaluate_counts(*pair.spans)
    assert overall == pair.muc | pair.nervaluate
    assert all(pair.muc[name] != counts for name, counts in pair.nervaluate.items())


def test_labels_and_their_means_are_those_computed_by_hand():
    pair = next(pair for pair in PAIRS if pair.name == "every kind at once")
    report, _ = evaluate_tags(*pair.sides, pair.scheme)
    # X: 1 right, 3 predicted, 4 gold. Y and Z are only predicted, and count in the macro mean.
    assert scores(report.per_label["X"]) == (1 / 3, 1 / 4, 2 / 7, 4)
    assert scores(report.per_label["Y"]) == (0, 0, 0, 0)
    assert scores(report.per_label["Z"]) == (0, 0, 0, 0)
    assert scores(report.macro) == (1 / 9, 1 / 12, 2 / 21, 4)
    assert scores(report.weighted) == (1 / 3, 1 / 4, 2 / 7, 4)
    by_label = muc((1, 1, 0, 2, 1), (1, 1, 0, 2, 1), (1, 0, 1, 2, 1), (2, 0, 0, 2, 1))
    found = count_conventions(*pair.spans).per_label
    assert found["X"] == {name: MatchCounts(*counts) for name, counts in by_label.items()}
    assert set(found["Y"].values()) == {MatchCounts(spurious=1)}
