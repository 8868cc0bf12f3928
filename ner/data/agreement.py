"""How well a tokenizer makes the tokens of a corpus from its text, and which one does it best."""

from collections.abc import Iterable, Mapping, Sequence

from ner.data.sentence import Sentence
from ner.data.tokenizer import CHARACTER, DEFAULT, RULES, Tokenize, Tokenizer

# The number of sentences, the first of a corpus, that are compared.
SAMPLE = 2000

# With less agreement, a model sees other tokens in raw text than it learned. Tweets have 0.94.
LOW = 0.9

# Other rules are worth a word if they agree better by more than this.
BETTER = 0.02


def agreement(tokenize: Tokenize, sentences: Iterable[Sentence]) -> float:
    """Return how well a tokenizer reproduces the tokens of sentences from their texts.

    Returns:
        The F1 of character ranges, from 0 to 1; 1 if there are no tokens.

    >>> agreement(Tokenizer(), [Sentence(["a", "two", "-", "day", "visit"], text="a two-day visit",
    ...                                  offsets=[(0, 1), (2, 5), (5, 6), (6, 9), (10, 15)])])
    0.5
    """
    same = total = 0
    for sentence in sentences:
        gold, found = set(sentence.offsets), set(tokenize(sentence.text)[1])
        same += len(gold & found)
        total += len(gold) + len(found)
    return 2 * same / total if total else 1.0


def compare_rules(sentences: Sequence[Sentence]) -> dict[str, float]:
    """Return the agreement of all rules on text as people write it."""
    # Its patterns take a while to compile, which `ner tag` does not need.
    from ner.data.running_text import as_written

    written = as_written(sentences)
    return {rules: agreement(Tokenizer(rules), written) for rules in RULES}


def choose_rules(found: Mapping[str, float]) -> str:
    """Return the rules for a corpus: by characters if they agree better, and else the default.

    Args:
        found: The agreement of all rules, as `compare_rules` returns it.
    """
    return CHARACTER if found[CHARACTER] > found[DEFAULT] else DEFAULT


def low_agreement(value: float, found: Mapping[str, float] | None = None) -> str | None:
    """Return a line on tokens that raw text will not have, with a way out; None if all is well.

    Args:
        value: The agreement of the tokenizer of a model with its training data.
        found: The agreement of all rules among which the user may choose.
    """
    best, most = max((found or {}).items(), key=lambda item: item[1], default=("", 0.0))
    is_better = most > value + BETTER
    if value >= LOW and not is_better:
        return None
    way_out = (
        f"Set data.tokenizer to {best!r}, which agrees to {100 * most:.1f} %."
        if is_better
        else "Give the model tokens, in CoNLL files or with tag_tokens()."
    )
    return (
        "raw text is cut into other tokens than the training data have: they agree to "
        f"{100 * value:.1f} %. {way_out}"
    )
