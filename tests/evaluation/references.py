"""What the scripts and libraries that others score with say, as tests compare it with ours."""

import warnings

from nervaluate import Evaluator

from ner.evaluation.conventions import CONVENTIONS, KINDS


class Conlleval:
    """The counts of conlleval.pl, line by line, as far as tags with a label are concerned.

    Source: the Perl script of the CoNLL-2000 shared task, version 2004-01-26: the functions
    endOfChunk and startOfChunk and the main loop, written down anew.
    """

    ENDS = ("BB", "BO", "IB", "IO", "EE", "EI", "EO")
    STARTS = ("BB", "IB", "OB", "OI", "EE", "EI", "OE")

    def __init__(self, lines):
        self.right = self.predicted = self.gold = self.tokens = self.right_tags = 0
        before, is_right = [("O", ""), ("O", "")], False
        for line in [*lines, b""]:
            word, *tags = line.decode().split() or ["-X-", "O", "O"]
            now = [(tag.partition("-")[0], tag.partition("-")[2]) for tag in tags]
            ends = [self.ends(*pair) for pair in zip(before, now, strict=True)]
            starts = [self.starts(*pair) for pair in zip(before, now, strict=True)]
            if is_right:
                if all(ends) and before[0][1] == before[1][1]:
                    self.right, is_right = self.right + 1, False
                elif ends[0] != ends[1] or now[0][1] != now[1][1]:
                    is_right = False
            if all(starts) and now[0][1] == now[1][1]:
                is_right = True
            self.gold += starts[0]
            self.predicted += starts[1]
            if word != "-X-":
                self.tokens += 1
                self.right_tags += now[0] == now[1]
            before = now

    def ends(self, before, now):
        return before[0] + now[0] in self.ENDS or (before[0] != "O" and before[1] != now[1])

    def starts(self, before, now):
        return before[0] + now[0] in self.STARTS or (now[0] != "O" and before[1] != now[1])

    @property
    def scores(self):
        precision = self.right / max(self.predicted, 1)
        recall = self.right / max(self.gold, 1)
        return precision, recall, 2 * self.right / max(self.predicted + self.gold, 1)


def nervaluate_counts(gold, predicted):
    """Return the counts of nervaluate by our names of its conventions, overall and by label."""
    sides = [
        [[{"label": s.label, "start": s.start, "end": s.end - 1} for s in spans] for spans in side]
        for side in (gold, predicted)
    ]
    labels = sorted({span["label"] for side in sides for spans in side for span in spans})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        results = Evaluator(*sides, tags=labels, loader="dict").evaluate()
    theirs = {name: name.replace("type", "ent_type") for name in CONVENTIONS}

    def ours(found):
        return {
            name: tuple(getattr(found[other], kind) for kind in KINDS)
            for name, other in theirs.items()
        }

    return ours(results["overall"]), {
        label: ours(each) for label, each in results["entities"].items()
    }
