"""The tokenizer of a new model: the one that cuts raw text as the training data are cut."""

from collections.abc import Sequence

from ner.data.agreement import SAMPLE, agreement, choose_rules, compare_rules, low_agreement
from ner.data.running_text import as_written
from ner.data.sentence import Sentence
from ner.data.tokenizer import CHARACTER, Tokenizer
from ner.messages import Notify

# The setting that leaves the choice to the training data.
AUTO = "auto"


def choose_tokenizer(
    rules: str,
    sentences: Sequence[Sentence],
    notify: Notify,
    start: Tokenizer | None = None,
) -> tuple[Tokenizer, float]:
    """Choose a tokenizer, and warn if it does not make the tokens of the training data.

    Args:
        rules: The setting `data.tokenizer`.
        sentences: The first training sentences.
        notify: Called with a line for everything that a user should know.
        start: The tokenizer of the model that trains on, which stays as it is.

    Returns:
        The tokenizer, and its agreement with the sentences (see `ner.data.agreement`).
    """
    if start is not None:
        value = agreement(start, as_written(sentences))
        _warn(low_agreement(value), notify)
        return start, value
    found = compare_rules(sentences)
    if rules == AUTO:
        rules = choose_rules(found)
        if rules == CHARACTER:
            notify(
                "The training data are cut by characters, and raw text will be, too "
                "(data.tokenizer: character)."
            )
    _warn(low_agreement(found[rules], found), notify)
    return Tokenizer(rules), found[rules]


def tokenizer_of(rules: str, sentences: Sequence[Sentence]) -> Tokenizer:
    """Return the tokenizer that cuts raw text as some sentences are cut.

    Args:
        rules: The setting `data.tokenizer`, which decides unless it is `AUTO`.
        sentences: The sentences, of which the first count.
    """
    return Tokenizer(choose_rules(compare_rules(sentences[:SAMPLE])) if rules == AUTO else rules)


def _warn(line: str | None, notify: Notify) -> None:
    if line is not None:
        notify(f"Warning: {line}")
