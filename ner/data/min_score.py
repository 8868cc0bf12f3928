"""The lowest score of the entities that are kept: one for all, or one for each label."""

from collections.abc import Collection, Mapping
from numbers import Real

from ner.errors import ConfigError, suggestion

# A number from 0 to 1; or a number for each label, or None for a label none of which is kept.
# Labels without a number are all kept.
MinScore = float | Mapping[str, float | None]


def check_min_score(
    min_score: MinScore, labels: Collection[str] | None = None, where: str = "min_score"
) -> None:
    """Refuse what is no lowest score.

    Args:
        min_score: One for all labels, or one for each.
        labels: The labels of the model; None if they are not known.
        where: What messages call it.

    Raises:
        ConfigError: A score is not in [0, 1], or a label is none of the model.
    """
    if not isinstance(min_score, Mapping):
        _check_number(min_score, where)
        return
    for label, lowest in min_score.items():
        if labels is not None and label not in labels:
            raise ConfigError(
                f"{where}: must name labels of the model: {', '.join(labels)}. "
                f"Got {label!r}.{suggestion(label, labels)}"
            )
        if lowest is not None:
            _check_number(lowest, f"{where}: {label}")


def _check_number(lowest: float, where: str) -> None:
    if not isinstance(lowest, Real) or not 0 <= lowest <= 1:
        raise ConfigError(f"{where}: must be from 0 to 1. Got {lowest}.")


def is_kept(min_score: MinScore, label: str, score: float) -> bool:
    """Whether an entity with a label and a score is kept.

    >>> is_kept({"PER": 0.9, "MISC": None}, "PER", 0.9)
    True
    >>> is_kept({"PER": 0.9, "MISC": None}, "MISC", 1.0)
    False
    """
    lowest = min_score.get(label, 0.0) if isinstance(min_score, Mapping) else min_score
    return lowest is not None and score >= lowest
