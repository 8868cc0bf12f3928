"""What the benchmark asks of those that it measures, and how it starts them."""

import importlib
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

# Whoever is started anew pays only for what it needs itself.
if TYPE_CHECKING:
    from ner.data.schemes import Span
    from ner.data.sentence import Sentence

FRESH_PROCESS = Path(__file__).with_name("fresh_process.py")

Say = Callable[[str], None]


class Tags(Protocol):
    """A model that is ready to tag."""

    def tag(self, sentences: "Sequence[Sentence]") -> Sequence[Any]:
        """Tag many sentences."""
        ...

    def tag_tokens(self, tokens: Sequence[str]) -> Any:
        """Tag one sentence."""
        ...

    def spans(self, tagged: Any) -> "Sequence[Sequence[Span]]":
        """Read the spans out of what `tag` gave."""
        ...


class Contender(Protocol):
    """What the benchmark measures.

    `taggers` names, for each way to tag with what `save` wrote, a function that reads it.
    """

    name: str
    taggers: Mapping[str, str]
    size: int | None

    def train(self, seconds: float) -> tuple[int, float]:
        """Train for a while; gives the tokens learnt and the seconds it took."""
        ...

    def train_epoch(self) -> float:
        """Train for one epoch; gives the seconds it took."""
        ...

    def save(self, folder: Path) -> None:
        """Write the model."""
        ...


def repeated(action: Callable[[], object], seconds: float) -> float:
    """Repeat for a while, at least once; gives the mean seconds of one time."""
    began, times = time.perf_counter(), 0
    while not times or time.perf_counter() - began < seconds:
        action()
        times += 1
    return (time.perf_counter() - began) / times


def find(name: str) -> Any:
    """Import `module:attribute`."""
    module, _, attribute = name.partition(":")
    return getattr(importlib.import_module(module), attribute)


def load(loader: str, folder: Path) -> Tags:
    """Read a model that a contender saved."""
    return find(loader)(folder)


def fresh_process(arguments: Sequence[object]) -> Iterator[tuple[dict[str, Any], float]]:
    """Run `fresh_process.py`; gives what it prints, and the seconds since it was started."""
    began = time.perf_counter()
    command = [sys.executable, str(FRESH_PROCESS), *map(str, arguments)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            yield json.loads(line), time.perf_counter() - began
    if process.returncode:
        raise RuntimeError(f"{arguments[1]}: its process ended with {process.returncode}")
