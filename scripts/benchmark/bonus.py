"""Score a tagger with several bonuses for entities, as if it had been trained with each of them.

python scripts/benchmark/bonus.py runs/wnut17/model dev.conll --bonus 0 1 2
python scripts/benchmark/bonus.py runs/wnut17/model tweets.conll --without-handles \
    --labels person=PER location=LOC corporation=ORG group=ORG

A bonus adds to the scores of the tags that begin an entity, which is what training with
`head.bonus` comes to, so one training tells what all bonuses are worth. The bonus that a model was
trained with is part of it; those of this script come on top. Corpora with other labels are compared
by `--labels`: predictions without a label there are dropped.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import ner  # before torch, so that its settings for threads hold
from ner.data.schemes import Span
from ner.data.sentence import Sentence
from ner.errors import NerError
from ner.evaluation.scores import table
from ner.nn.heads import CRFHead

# isort: split
import torch


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a table with a line for each bonus."""
    options = parse(arguments)
    try:
        model: Any = ner.load(options.model, runtime="torch", threads=1)
        network = getattr(model.runtime, "model", None)
        if network is None or not isinstance(network.head, CRFHead) or not model.task.finds_spans:
            raise ner.ConfigError(
                f"{options.model}: must be one network that finds spans with a CRF. Got another."
            )
        sentences = ner.read_sentences(options.corpus)
    except NerError as error:
        sys.exit(str(error))
    rows = [["bonus", "F1", "precision", "recall"]]
    bias = network.head.projection.bias
    begins = torch.tensor([float(tag[0] in "BS") for tag in model.task.tags])
    plain = bias.detach().clone()
    for bonus in options.bonus:
        bias.data = plain + bonus * begins
        found = score(model, sentences, dict(options.labels), options.without_handles)
        rows.append([f"{bonus:g}", *(f"{100 * each:.2f}" for each in found)])
    print(table(rows))


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("model", help="model folder")
    parser.add_argument("corpus", help="annotated sentences")
    parser.add_argument(
        "--bonus", type=float, nargs="+", default=[0, 0.5, 1, 1.5, 2, 3], help="%(default)s"
    )
    parser.add_argument(
        "--labels", type=pair, nargs="*", default=[], metavar="MODEL=CORPUS", help="labels to match"
    )
    parser.add_argument(
        "--without-handles", action="store_true", help="leave out entities that are an @handle"
    )
    return parser.parse_args(arguments)


def pair(text: str) -> tuple[str, str]:
    """Read two labels."""
    own, equals, other = text.partition("=")
    if not (own and equals and other):
        raise argparse.ArgumentTypeError(f"must be two labels, as A=B. Got {text!r}.")
    return own, other


def score(
    model: Any, sentences: Sequence[Sentence], labels: Mapping[str, str], without_handles: bool
) -> tuple[float, float, float]:
    """Compute F1, precision and recall over all entities that are compared."""
    right = predicted = gold = 0
    for sentence, found in zip(sentences, model.tag_sentences(sentences), strict=True):
        own = found.prediction.spans
        if labels:
            own = [Span(s.start, s.end, labels[s.label]) for s in own if s.label in labels]
        sides = [set(own), set(sentence.spans or ())]
        if without_handles:
            sides = [{s for s in spans if not is_handle(s, sentence)} for spans in sides]
        right += len(sides[0] & sides[1])
        predicted += len(sides[0])
        gold += len(sides[1])
    return 2 * right / max(predicted + gold, 1), right / max(predicted, 1), right / max(gold, 1)


def is_handle(span: Span, sentence: Sentence) -> bool:
    """Whether a span is the handle of an account."""
    return span.end - span.start == 1 and sentence.tokens[span.start].startswith("@")


if __name__ == "__main__":
    main()
