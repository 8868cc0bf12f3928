"""How far a stream of results has come, on a terminal."""

import sys
import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ner.data.sentence import Sentence

SECONDS_BETWEEN_DRAWINGS = 0.2


def with_progress(sentences: "Iterable[Sentence]") -> "Iterator[Sentence]":
    """Pass sentences on; count them on stderr if it is a terminal, and stdout is not the same."""
    if not sys.stderr.isatty() or sys.stdout.isatty():
        yield from sentences
        return
    from rich.console import Console
    from rich.progress import Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)
        count, tokens, began, drawn = 0, 0, time.monotonic(), 0.0
        for sentence in sentences:
            yield sentence
            count, tokens, now = count + 1, tokens + len(sentence), time.monotonic()
            if now - drawn > SECONDS_BETWEEN_DRAWINGS:
                drawn, speed = now, tokens / max(now - began, 1e-9)
                bar.update(task, description=f"{count:,} texts  {speed:,.0f} tokens/s")
