"""The temperature of a classifier, from its development data."""

from collections.abc import Callable, Sequence

from ner.classifier import TextClassifier
from ner.data.sentence import Sentence
from ner.evaluation.calibration import Calibration, calibrate


def fit_classifier(
    classifier: TextClassifier, dev: Sequence[Sentence], notify: Callable[[str], None]
) -> Calibration | None:
    """Fit the temperature of a classifier.

    Args:
        classifier: With the weights that it keeps; its own temperature is not looked at.
        dev: Labelled sentences. Those with a label that the classifier does not know are left out.
        notify: Gets a line where that is so.

    Returns:
        None where no sentence is left.
    """
    known = set(classifier.labels)
    fitting = [sentence for sentence in dev if known.issuperset(sentence.labels or ())]
    if left_out := len(dev) - len(fitting):
        notify(f"dev: {left_out} sentences have labels that training lacks; none fits on them.")
    if not fitting:
        return None
    gold = classifier.target.gold(fitting)["classes"]
    return calibrate(classifier.target, classifier.logits(fitting), gold)
