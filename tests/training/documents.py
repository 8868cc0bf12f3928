"""Documents in which another sentence decides, and settings that learn them quickly."""

from collections.abc import Iterator

import ner
from ner.data.schemes import Span

SETTINGS = {
    "training.threads": 1,
    "training.epochs": 40,
    "training.batch_size": 8,
    "encoder.size": 20,
    "words.size": 12,
    "characters.kind": "none",
    "affixes.rows": 0,
    "embedder.dropout": 0.0,
    "encoder.dropout": 0.0,
}


def corpus() -> Iterator[ner.Sentence]:
    """Yield documents in which the first sentence alone says what kind of name the second has."""
    for number in range(90):
        name = f"N{number:b}".replace("0", "a").replace("1", "o")
        label, verb = ("PER", "Mr") if number % 2 else ("LOC", "in")
        document = str(number)
        yield ner.Sentence([verb, name, "."], spans=[Span(1, 2, label)], document=document)
        yield ner.Sentence(["Then", name, "."], spans=[Span(1, 2, label)], document=document)
