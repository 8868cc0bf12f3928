"""What the contenders of the benchmark have in common, and how it starts and reports on them."""

import importlib
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

# A new process imports this, and must not pay for what it does not use.
if TYPE_CHECKING:
    from ner.data.schemes import Span
    from ner.data.sentence import Sentence

FRESH_PROCESS = Path(__file__).with_name("fresh_process.py")


class LoadedTagger(Protocol):
    """A trained model that is ready to tag."""

    def tag(self, sentences: "Sequence[Sentence]") -> Sequence[Any]:
        """Tag many sentences."""
        ...

    def tag_tokens(self, tokens: Sequence[str]) -> Any:
        """Tag one sentence."""
        ...

    def spans(self, tagged: Any) -> "Sequence[Sequence[Span]]":
        """Convert the result of `tag` to spans."""
        ...


class Contender(Protocol):
    """A tool, or a variant of one, that the benchmark measures.

    `taggers` names the ways to tag with the saved model, and for each the function that loads it.
    """

    name: str
    taggers: Mapping[str, str]
    size: int | None

    def train(self, seconds: float) -> tuple[int, float]:
        """Train for a while. Return the number of tokens, and the seconds that they took."""
        ...

    def train_epoch(self) -> float:
        """Train for one epoch. Return the seconds that it took."""
        ...

    def save(self, folder: Path) -> None:
        """Write the model."""
        ...


class Stepwise:
    """Times a contender that trains step by step; each step yields its number of tokens."""

    steps: Iterator[int]
    steps_of_epoch: int

    def train(self, seconds: float) -> tuple[int, float]:
        """Train for a while. Return the number of tokens, and the seconds that they took."""
        began, tokens = time.perf_counter(), 0
        while (spent := time.perf_counter() - began) < seconds:
            tokens += next(self.steps)
        return tokens, spent

    def train_epoch(self) -> float:
        """Train for one epoch. Return the seconds that it took."""
        began = time.perf_counter()
        for _ in range(self.steps_of_epoch):
            next(self.steps)
        return time.perf_counter() - began


class TagReader:
    """Converts tags to spans, for taggers that predict the tag of each token."""

    def spans(self, tagged: Sequence[Sequence[str]]) -> "list[list[Span]]":
        """Convert the result of `tag` to spans."""
        from ner.data.schemes import spans_from_tags

        return [spans_from_tags(tags) for tags in tagged]


def repeated(action: Callable[[], object], seconds: float) -> float:
    """Repeat an action for a while, at least once. Return the mean seconds of a repetition."""
    began, times = time.perf_counter(), 0
    while not times or time.perf_counter() - began < seconds:
        action()
        times += 1
    return (time.perf_counter() - began) / times


def find(name: str) -> Any:
    """Import `module:attribute`."""
    module, _, attribute = name.partition(":")
    return getattr(importlib.import_module(module), attribute)


def load(loader: str, folder: Path) -> LoadedTagger:
    """Load a model that a contender has saved."""
    return find(loader)(folder)


def fresh_process(arguments: Sequence[object]) -> Iterator[tuple[dict[str, Any], float]]:
    """Run `fresh_process.py`. Yield what it prints, and the seconds since it was started."""
    began = time.perf_counter()
    command = [sys.executable, str(FRESH_PROCESS), *map(str, arguments)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            yield json.loads(line), time.perf_counter() - began
    if process.returncode:
        raise RuntimeError(f"{arguments[1]}: its process ended with {process.returncode}")


def say(line: str) -> None:
    """Print a line about progress."""
    print(line, file=sys.stderr, flush=True)
