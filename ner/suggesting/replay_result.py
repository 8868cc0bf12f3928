"""What a replay found: scores by annotated tokens, and what each way to choose saves."""

import math
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from ner.evaluation.scores import table

BASELINE = "random"


@dataclass(frozen=True)
class ReplayPoint:
    """A training on what is annotated after some rounds.

    Args:
        by: The way to choose.
        seed: The seed of the training.
        size: How many tokens might be annotated.
        tokens: How many are annotated.
        texts: In how many texts.
        f1: The score on the development data, between 0 and 1.
    """

    by: str
    seed: int
    size: int
    tokens: int
    texts: int
    f1: float


@dataclass(frozen=True)
class Saving:
    """The annotation that reaches a score of random sampling.

    Args:
        by: The way to choose.
        f1: The mean score of random sampling.
        random_tokens: Tokens that random sampling needs for it.
        tokens: Tokens that the way to choose needs, on the line between its points; None if it
            never reaches the score.
    """

    by: str
    f1: float
    random_tokens: float
    tokens: float | None


@dataclass(frozen=True)
class Replay:
    """The scores of all ways to choose.

    Args:
        points: All trainings.
    """

    points: Sequence[ReplayPoint]

    @property
    def strategies(self) -> list[str]:
        """The ways to choose, in their order."""
        return list(dict.fromkeys(point.by for point in self.points))

    def curve(self, by: str) -> list[tuple[float, float]]:
        """List the mean of tokens and of scores at each size, smallest first."""
        sizes = sorted({point.size for point in self.points if point.by == by})
        groups = [[p for p in self.points if (p.by, p.size) == (by, size)] for size in sizes]
        return [
            (statistics.mean(p.tokens for p in group), statistics.mean(p.f1 for p in group))
            for group in groups
        ]

    def savings(self) -> list[Saving]:
        """Compare each way to choose with each point of random sampling that was chosen."""
        return [
            Saving(by, f1, tokens, tokens_for(f1, self.curve(by)))
            for by in self.strategies
            if by != BASELINE
            for tokens, f1 in self.curve(BASELINE)[1:]
        ]

    def to_dict(self) -> dict[str, Any]:
        """Return everything, as JSON can hold it."""
        return {
            "points": [vars(point) for point in self.points],
            "savings": [vars(saving) for saving in self.savings()],
        }

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        rows = [["tokens", *self.strategies]]
        for size in sorted({point.size for point in self.points}):
            rows.append([f"{size:,}", *(self._cell(by, size) for by in self.strategies)])
        yield table(rows)
        runs = len({point.seed for point in self.points})
        yield ""
        spread = "" if runs == 1 else ", mean ± standard deviation"
        yield f"F1 on the development data by annotated tokens{spread}; seeds: {runs}."
        for saving in self.savings():
            needs = "no size of this replay"
            if saving.tokens is not None:
                share = 100 * saving.tokens / saving.random_tokens
                needs = f"{saving.tokens:,.0f}, {share:.0f} %"
            yield (
                f"{100 * saving.f1:.2f} takes random sampling {saving.random_tokens:,.0f} tokens, "
                f"{saving.by} {needs}."
            )

    def _cell(self, by: str, size: int) -> str:
        scores = [100 * p.f1 for p in self.points if (p.by, p.size) == (by, size)]
        spread = f" ± {statistics.stdev(scores):.2f}" if len(scores) > 1 else ""
        return f"{statistics.mean(scores):.2f}{spread}"


def tokens_for(f1: float, curve: Sequence[tuple[float, float]]) -> float | None:
    """Find the tokens at which a curve first has a score; None if it never has.

    Between points, scores rise with the logarithm of the tokens.

    Args:
        f1: The score.
        curve: Tokens and scores, by ascending tokens.

    >>> tokens_for(0.5, [(1000, 0.4), (4000, 0.6)]), tokens_for(0.7, [(1000, 0.4), (4000, 0.6)])
    (2000.0, None)
    """
    if curve and curve[0][1] >= f1:
        return curve[0][0]
    for (fewer, low), (more, high) in pairwise(curve):
        if high >= f1:
            share = (f1 - low) / (high - low)
            return round(math.exp((1 - share) * math.log(fewer) + share * math.log(more)), 6)
    return None
