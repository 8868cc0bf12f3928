"""What contenders share that train step by step."""

import time
from collections.abc import Iterator


class Stepwise:
    """Times the steps of a contender; each step gives the tokens that it learnt."""

    steps: Iterator[int]
    steps_of_epoch: int

    def train(self, seconds: float) -> tuple[int, float]:
        """Train for a while; gives the tokens learnt and the seconds it took."""
        began, tokens = time.perf_counter(), 0
        while (spent := time.perf_counter() - began) < seconds:
            tokens += next(self.steps)
        return tokens, spent

    def train_epoch(self) -> float:
        """Train for one epoch; gives the seconds it took."""
        began = time.perf_counter()
        for _ in range(self.steps_of_epoch):
            next(self.steps)
        return time.perf_counter() - began
