"""Progress of a run: a line in the log for each epoch, and a bar on a terminal at stderr."""

import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as RichProgress

from ner.evaluation.scores import METRIC_NAMES
from ner.messages import logger, tell
from ner.training.trainer import Epoch, Step

# A bar that is drawn at every step would cost more than a small step.
SECONDS_BETWEEN_DRAWINGS = 0.2


class Progress:
    """Logs what happens, and draws a bar.

    Args:
        draws: Whether to draw a bar. None is drawn where information is not logged either.
    """

    def __init__(self, draws: bool = True) -> None:
        self.console = Console(file=sys.stderr, highlight=False, soft_wrap=True)
        is_heard = logger.isEnabledFor(logging.INFO)
        self._draws = draws and is_heard and self.console.is_terminal
        self._bar: RichProgress | None = None
        self._best = ""
        self._drawn = 0.0

    @contextmanager
    def training(self, epochs: int, done: int) -> Iterator[None]:
        """Show a bar over all epochs while training, on a terminal."""
        if not self._draws:
            yield
            return
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[state]}"),
            TimeRemainingColumn(),
        )
        # Unless told otherwise, rich writes what others print on stdout to its own console.
        bar = RichProgress(*columns, console=self.console, transient=True, redirect_stdout=False)
        with bar:
            self._bar = bar
            self._task = bar.add_task("training", total=epochs, completed=done, state="")
            self._epochs = epochs
            yield
        self._bar = None

    def step(self, step: Step) -> None:
        """Move the bar."""
        if self._bar is None or time.monotonic() - self._drawn < SECONDS_BETWEEN_DRAWINGS:
            return
        self._drawn = time.monotonic()
        speed = step.tokens / max(step.seconds, 1e-9)
        self._bar.update(
            self._task,
            completed=step.epoch + (step.step + 1) / step.steps,
            description=f"epoch {step.epoch + 1}/{self._epochs}",
            state=f"loss {step.loss:.3f}  {self._best}{speed:,.0f} tokens/s",
        )

    def epoch(self, epoch: Epoch, metric: str) -> None:
        """Log a line for an epoch; `metric` chooses the best one."""
        metrics = epoch.metrics
        name = METRIC_NAMES.get(metric, metric)
        self._best = f"best {name} {100 * epoch.best:.2f}  "
        tell(
            f"epoch {epoch.epoch + 1:3}  loss {metrics['loss']:8.4f}  dev {name} "
            f"{100 * metrics[metric]:.2f}{' *' if epoch.better else '  '}  "
            f"{metrics['tokens_per_second']:,.0f} tokens/s"
        )
