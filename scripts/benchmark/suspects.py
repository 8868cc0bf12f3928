"""Damage some entities of a corpus on purpose, and count how many `ner data suspects` finds.

python scripts/benchmark/suspects.py eng.train --set vectors.path=glove.6B.50d.txt.gz \
    --set words.size=50

A third of the damaged entities gets another type, a third other borders (one token more or less at
one end), and a third is deleted. The first 5 % of the ranking are as many suspects as 5 % of the
entities that the damaged corpus has. A suspect finds the damaged entity that it names, or the
deleted one that its missing entity touches. The same command goes on where it stopped.
"""

import argparse
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ner.config.loading import parse_setting
from ner.data.formats.read import read_sentences
from ner.data.schemes import Span
from ner.data.sentence import Sentence
from ner.evaluation.report import table
from ner.evaluation.suspects import Suspect, overlap
from ner.training.suspect_annotation import find_suspects

KINDS = ("type", "boundary", "deletion")
SHARES = (0.01, 0.02, 0.05, 0.1, 0.2)


@dataclass(frozen=True)
class Damage:
    """An entity that was damaged: which one it was, how, and what is left of it."""

    sentence: int
    span: Span
    kind: str
    left: Span | None


def main(arguments: Sequence[str] | None = None) -> None:
    """Damage, search, and print a table."""
    options = parse(arguments)
    clean = read_sentences(options.train)
    sentences, damages = damage(clean, options.share, options.seed)
    report = find_suspects(
        None,
        folder=options.folder,
        folds=options.folds,
        rounds=options.rounds,
        set=dict(parse_setting(text) for text in options.set),
        sources={"train": sentences},
        notify=print,
    )
    print(f"F1 on held parts: {', '.join(f'{100 * score:.1f}' for score in report.scores)}")
    print(summary(report.suspects, damages, sum(len(s.spans or ()) for s in sentences)))


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("train", help="annotated corpus")
    parser.add_argument("--share", type=float, default=0.05, help="of entities to damage")
    parser.add_argument("--seed", type=int, default=1, help="of the damage (%(default)s)")
    parser.add_argument("--folds", type=int, default=5, help="parts of the corpus (%(default)s)")
    parser.add_argument("--rounds", type=int, default=1, help="repetitions (%(default)s)")
    parser.add_argument("--folder", type=Path, default=Path("runs/suspects-benchmark"))
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="change a setting"
    )
    return parser.parse_args(arguments)


def damage(
    sentences: Sequence[Sentence], share: float, seed: int
) -> tuple[list[Sentence], list[Damage]]:
    """Damage a share of all entities, a third of them in each way.

    An entity that fills its sentence, or the room between its neighbours, with one token gets
    another type instead of other borders.
    """
    random = np.random.default_rng(seed)
    places = [(i, span) for i, s in enumerate(sentences) for span in s.spans or ()]
    labels = sorted({span.label for _, span in places})
    chosen = random.permutation(len(places))[: round(share * len(places))].tolist()
    kinds = {places[k]: KINDS[n % len(KINDS)] for n, k in enumerate(chosen)}
    damaged: list[Sentence] = []
    damages: list[Damage] = []
    for i, sentence in enumerate(sentences):
        left: list[Span] = []
        spans = sentence.spans or ()
        for span, after in zip(spans, [*(s.start for s in spans), len(sentence)][1:], strict=True):
            if kind := kinds.get((i, span)):
                before = left[-1].end if left else 0
                changes = other_borders(span, before, after) if kind == "boundary" else []
                if kind != "deletion" and not changes:
                    kind = "type"
                    changes = [
                        span._replace(label=other) for other in labels if other != span.label
                    ]
                changed = changes[int(random.integers(len(changes)))] if changes else None
                damages.append(Damage(i, span, kind, changed))
                left += [] if changed is None else [changed]
            else:
                left.append(span)
        damaged.append(sentence.replace(spans=left))
    return damaged, damages


def other_borders(span: Span, before: int, after: int) -> list[Span]:
    """List the spans with one token more or less at one end, between two other spans."""
    start, end, label = span
    borders = [(start - 1, end), (start, end + 1), (start + 1, end), (start, end - 1)]
    return [Span(a, b, label) for a, b in borders if before <= a < b <= after]


def summary(suspects: Sequence[Suspect], damages: Sequence[Damage], entities: int) -> str:
    """Write how many of the damaged entities are among the first suspects, by share."""
    by_sentence: dict[int, list[Damage]] = {}
    for each in damages:
        by_sentence.setdefault(each.sentence, []).append(each)
    totals = Counter(each.kind for each in damages)
    rows = [["first", "suspects", *(f"{k} ({totals[k]})" for k in KINDS), "damaged", "found"]]
    for share in SHARES:
        first = suspects[: round(share * entities)]
        found = Counter(each.kind for each in found_by(first, by_sentence))
        total = found.total()
        counts = [str(found[kind]) for kind in KINDS]
        part = f"{100 * total / len(damages):.1f} %"
        rows.append([f"{100 * share:g} %", str(len(first)), *counts, str(total), part])
    return table(rows)


def found_by(suspects: Iterable[Suspect], damages: Mapping[int, Sequence[Damage]]) -> set[Damage]:
    """Return the damaged entities that some suspects name."""
    return {
        each
        for suspect in suspects
        for each in damages.get(suspect.sentence, ())
        if (
            suspect.gold == each.left
            if each.left is not None
            else suspect.gold is None and overlap(suspect.span, each.span)
        )
    }


if __name__ == "__main__":
    main()
