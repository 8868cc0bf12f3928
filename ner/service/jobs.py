"""What a model computes for requests: several requests together where that gives the same."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ner.data.sentence import PredictedSentence, Sentence
from ner.data.sentence_splitter import FindStarts
from ner.inference.classifier import classification
from ner.inference.predictor import Predictor, TextSpan
from ner.rules.rules import Rules
from ner.service.answers import TextOffsets, classified, tagged
from ner.service.errors import ServiceError, of_model
from ner.service.schemas import ClassifyRequest, GivenSpan, TagRequest

Answer = dict[str, Any]


@dataclass
class ModelJob:
    """A request and the model that it is for.

    Args:
        request: The request.
        predictor: The model.
        max_tokens: As in `ner.service.settings.Settings`.
        rules: What the results obey; or None.
        sentences: The texts with their tokens, once `prepare` was called.
    """

    request: TagRequest | ClassifyRequest
    predictor: Predictor
    max_tokens: int
    rules: Rules | None = None
    sentences: list[Sentence] = field(default_factory=list)

    @property
    def size(self) -> int:
        """The number of characters, for each of the best taggings that are asked for."""
        return sum(map(len, self.request.texts)) * self.copies

    @property
    def copies(self) -> int:
        """How many taggings of each text are asked for."""
        return getattr(self.request, "nbest", None) or 1

    def prepare(self) -> int:
        """Cut the texts into tokens, and return their number.

        Raises:
            ServiceError: There are too many.
        """
        count = 0
        for text in self.request.texts:
            sentence = self.predictor.read(text)
            self.sentences.append(sentence)
            count += len(sentence) * self.copies
            if count > self.max_tokens:
                raise ServiceError(
                    413,
                    "too_many_tokens",
                    f"texts: must have at most {self.max_tokens} tokens in all, times nbest. "
                    "Got more.",
                )
        return count


def compute(jobs: Sequence[ModelJob], split: Callable[[], FindStarts]) -> list[Answer | Exception]:
    """Compute the answers to requests for one model; an exception stands for one that failed.

    Args:
        jobs: The requests.
        split: Returns what finds the sentences of a text.
    """
    answers: list[Answer | Exception] = [{}] * len(jobs)
    alike: dict[tuple[bool, Rules | None], list[int]] = {}
    for i, job in enumerate(jobs):
        alike.setdefault((_is_split(job), job.rules), []).append(i)
    for (is_split, _), chosen in alike.items():
        found = _together([jobs[i] for i in chosen], split() if is_split else None)
        for i, answer in zip(chosen, found, strict=True):
            answers[i] = answer
    return answers


def _is_split(job: ModelJob) -> bool:
    return isinstance(job.request, TagRequest) and job.request.split


def _together(jobs: Sequence[ModelJob], find_starts: FindStarts | None) -> list[Answer | Exception]:
    """Compute all texts of some jobs at once; what fails, halve until it is alone."""
    plain = [s for job in jobs for i, s in enumerate(job.sentences) if not _spans(job, i)]
    try:
        first = jobs[0]
        found = iter(list(first.predictor.pipe(plain, split=find_starts, rules=first.rules)))
    except Exception as error:
        if len(jobs) == 1:
            return [of_model(error, "texts")]
        middle = len(jobs) // 2
        return _together(jobs[:middle], find_starts) + _together(jobs[middle:], find_starts)
    answers: list[Answer | Exception] = []
    for job in jobs:
        own = [None if _spans(job, i) else next(found) for i in range(len(job.sentences))]
        try:
            answers.append(_answer(job, own, find_starts))
        except Exception as error:
            answers.append(of_model(error, "texts"))
    return answers


def _spans(job: ModelJob, i: int) -> bool:
    """Whether a text has required or forbidden spans, and is computed alone."""
    request = job.request
    if isinstance(request, ClassifyRequest):
        return False
    return any(len(given) > i and given[i] for given in (request.required, request.forbidden))


def _answer(
    job: ModelJob, found: Sequence[PredictedSentence | None], find_starts: FindStarts | None
) -> Answer:
    request = job.request
    if isinstance(request, ClassifyRequest):
        return {"results": [classified(classification(each)) for each in found if each is not None]}
    results: list[Answer] = []
    for i, (sentence, predicted) in enumerate(zip(job.sentences, found, strict=True)):
        try:
            results.append(_tag_text(job, request, i, sentence, predicted, find_starts))
        except Exception as error:
            raise of_model(error, f"texts.{i}") from None
    return {"results": results}


def _tag_text(
    job: ModelJob,
    request: TagRequest,
    i: int,
    sentence: Sentence,
    predicted: PredictedSentence | None,
    find_starts: FindStarts | None,
) -> Answer:
    offsets = TextOffsets(sentence.text, request.offsets)
    required, forbidden = (
        _text_spans(given[i], offsets) if len(given) > i else ()
        for given in (request.required, request.forbidden)
    )
    given = {"required": required, "forbidden": forbidden, "rules": job.rules}
    if predicted is None:
        predicted = job.predictor.tag(sentence.text, split=find_starts, **given)
    best = ()
    if request.nbest is not None:
        best = job.predictor.nbest(sentence, request.nbest, **given)
    column = job.predictor.task.column
    return tagged(predicted, request, offsets, column, best)


def _text_spans(spans: Sequence[GivenSpan], offsets: TextOffsets) -> list[TextSpan]:
    return [(offsets.to_text(span.start), offsets.to_text(span.end), span.label) for span in spans]
