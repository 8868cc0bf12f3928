"""A component for pipelines of spaCy that finds the entities of a `Tagger`.

It is found by its name: `nlp.add_pipe("lattice_ner", config={"model": "runs/sample/model"})`.
"""

import logging
import os
import shutil
import tempfile
import weakref
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from ner.data.lines import short
from ner.data.min_score import MinScore
from ner.data.sentence import PredictedEntity, PredictedSentence
from ner.data.sentence_splitter import cut_sentence, join_predictions
from ner.errors import ModelFolderError
from ner.extras import require
from ner.inference.tagger import Tagger
from ner.model_folder import copy_model, pack_model, unpack_model

require("spacy", "ner.spacy", extra="spacy")

import srsly  # noqa: E402 - what is missing is told first
from spacy.language import Language  # noqa: E402
from spacy.pipeline.span_ruler import (  # noqa: E402
    prioritize_existing_ents_filter,
    prioritize_new_ents_filter,
)
from spacy.scorer import get_ner_prf  # noqa: E402
from spacy.tokens import Doc, Span  # noqa: E402
from spacy.util import minibatch  # noqa: E402

if TYPE_CHECKING:
    from spacy.training import Example

NAME = "lattice_ner"
SCORE = "score"

# The word of spaCy for what `Doc.char_span` does where a span does not fit the tokens.
Alignment = Literal["strict", "contract", "expand"]

logger = logging.getLogger(__name__)


@Language.factory(
    NAME,
    assigns=["doc.ents", "token.ent_iob", "token.ent_type", f"span._.{SCORE}"],
    default_config={
        "model": "en",
        "overwrite_ents": False,
        "alignment_mode": "strict",
        "split_sentences": True,
        "min_score": 0.0,
        "device": "cpu",
        "threads": None,
    },
    default_score_weights={"ents_f": 1.0, "ents_p": 0.0, "ents_r": 0.0, "ents_per_type": None},
)
def make_lattice_ner(
    nlp: Language,
    name: str,
    model: str,
    overwrite_ents: bool,
    alignment_mode: Alignment,
    split_sentences: bool,
    min_score: float | dict[str, float | None],
    device: str,
    threads: int | None,
) -> "LatticeNer":
    """Make the component, as `nlp.add_pipe` does; the arguments are those of `LatticeNer`."""
    component = LatticeNer(
        model,
        overwrite_ents=overwrite_ents,
        alignment_mode=alignment_mode,
        split_sentences=split_sentences,
        min_score=min_score,
        device=device,
        threads=threads,
    )
    try:
        _ = component.tagger
    except ModelFolderError as error:
        # A saved pipeline brings its model, which is read after this. The model that its settings
        # name may be on another machine.
        logger.info("%s: no model yet. %s", name, error)
    return component


class LatticeNer:
    """Sets the entities of documents, with the score of each in `span._.score`.

    Args:
        model: A model folder, or any other name that `ner.load` accepts.
        overwrite_ents: Whether an entity of the model replaces those of earlier components that it
            overlaps. By default, these stay, and that of the model is left out.
        alignment_mode: What happens to an entity that does not start and end at tokens of spaCy:
            "strict" leaves it out, "contract" and "expand" make it shorter or longer. See
            `Doc.char_span` of spaCy. These entities are counted in `num_misaligned`.
        split_sentences: Whether each sentence is tagged by itself, if an earlier component found
            sentences. Otherwise a document is tagged as one.
        min_score: Entities with a lower score are left out, from 0 to 1; or one for each label of
            the model, as for `Tagger.tag`.
        device: Device that runs the network, as for `ner.load`.
        threads: Number of threads of the network, as for `ner.load`.
    """

    def __init__(
        self,
        model: str,
        *,
        overwrite_ents: bool = False,
        alignment_mode: Alignment = "strict",
        split_sentences: bool = True,
        min_score: MinScore = 0.0,
        device: str = "cpu",
        threads: int | None = None,
    ) -> None:
        self.model = model
        self.overwrite_ents = overwrite_ents
        self.alignment_mode: Alignment = alignment_mode
        self.split_sentences = split_sentences
        self.min_score = min_score
        self.device = device
        self.threads = threads
        self.num_misaligned = 0
        """How many entities did not start and end at tokens of spaCy."""
        self._tagger: Tagger | None = None
        self._process = os.getpid()
        if not Span.has_extension(SCORE):
            Span.set_extension(SCORE, default=None)

    @property
    def tagger(self) -> Tagger:
        """The model. It is read when it is first asked for, and again in each new process.

        Raises:
            ConfigError: `min_score` is for a label that the model does not know.
            ModelFolderError: There is no such model, or it finds no entities.
        """
        if self._tagger is None:
            tagger = Tagger.load(self.model, device=self.device, threads=self.threads)
            tagger.check_min_score(self.min_score)
            self._tagger = tagger
        elif self._process != os.getpid() and self._tagger.origin is not None:
            # Threads of the network do not come along into a process that was forked.
            self._tagger = Tagger.of(*self._tagger.origin.open())
        self._process = os.getpid()
        return self._tagger

    @property
    def labels(self) -> tuple[str, ...]:
        """The types of entities that the model knows."""
        return () if self._tagger is None else self._tagger.labels

    def __call__(self, doc: Doc) -> Doc:
        """Set the entities of a document."""
        return next(self.pipe([doc]))

    def pipe(self, stream: Iterable[Doc], *, batch_size: int = 128) -> Iterator[Doc]:
        """Set the entities of documents, batch by batch."""
        for docs in minibatch(stream, size=batch_size):
            batch = list(docs)
            for doc, sentence in zip(batch, self._tag(batch), strict=True):
                self._set_entities(doc, sentence.entities)
                yield doc

    def score(self, examples: "Iterable[Example]", **options: Any) -> dict[str, Any]:
        """Compute precision, recall and F1, as spaCy does for its own recogniser."""
        return get_ner_prf(examples, **options)

    def to_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> None:
        """Write the model into a folder, which then needs no other.

        Raises:
            ModelFolderError: The model was changed on the disk since it was read.
        """
        copy_model(self._folder(), Path(path))

    def from_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> Self:
        """Read the model from a folder that `to_disk` wrote.

        Raises:
            ModelFolderError: A file is missing, or was changed.
        """
        self.model, self._tagger = str(path), None
        _ = self.tagger
        return self

    def to_bytes(self, *, exclude: Iterable[str] = ()) -> bytes:
        """Return the model as bytes.

        Raises:
            ModelFolderError: The model was changed on the disk since it was read.
        """
        return srsly.msgpack_dumps(pack_model(self._folder()))

    def from_bytes(self, content: bytes, *, exclude: Iterable[str] = ()) -> Self:
        """Read the model from bytes of `to_bytes`. It lies in a temporary folder while it is used.

        Raises:
            ModelFolderError: The content is not that of a model.
        """
        folder = tempfile.mkdtemp(prefix="lattice-ner-")
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        target = Path(folder) / "model"
        unpack_model(srsly.msgpack_loads(content), target)
        return self.from_disk(target)

    def _folder(self) -> Path:
        """Return the folder of the model, after a check that it is still the same one."""
        origin = self.tagger.origin
        assert origin is not None  # Tagger.load knows where it read a model
        origin.open()
        return origin.folder

    def _tag(self, docs: Sequence[Doc]) -> list[PredictedSentence]:
        """Tag the texts of documents, all sentences together."""
        texts = [self.tagger.read(doc.text) for doc in docs]
        cut = [cut_sentence(text, self._starts(doc)) for text, doc in zip(texts, docs, strict=True)]
        tagged = iter(self.tagger.tag_sentences(piece for pieces in cut for piece in pieces))
        return [
            join_predictions(text, [next(tagged) for _ in pieces]).at_least(self.min_score)
            for text, pieces in zip(texts, cut, strict=True)
        ]

    def _starts(self, doc: Doc) -> list[int]:
        """Return where sentences begin, in characters, if an earlier component found them."""
        has_sentences = self.split_sentences and doc.has_annotation("SENT_START")
        return [sentence.start_char for sentence in doc.sents] if has_sentences else []

    def _set_entities(self, doc: Doc, entities: Iterable[PredictedEntity]) -> None:
        aligned = [(self._span(doc, entity), entity.score) for entity in entities]
        scores = {span: score for span, score in aligned if span is not None}
        if self.overwrite_ents:
            kept, merge = set(), prioritize_new_ents_filter
        else:
            kept, merge = set(doc.ents), prioritize_existing_ents_filter
        doc.ents = merge(doc.ents, list(scores))
        for span in doc.ents:
            if span in scores and span not in kept:
                span._.set(SCORE, scores[span])

    def _span(self, doc: Doc, entity: PredictedEntity) -> Span | None:
        """Return the tokens of an entity; None if it is left out."""
        span = doc.char_span(
            entity.start, entity.end, label=entity.label, alignment_mode=self.alignment_mode
        )
        if span is None or (span.start_char, span.end_char) != (entity.start, entity.end):
            self.num_misaligned += 1
            result = "left out" if span is None else f"becomes {short(span.text)}"
            logger.info(
                "%s %s [%d, %d): does not start and end at tokens of spaCy; %s.",
                *(entity.label, short(entity.text), entity.start, entity.end, result),
            )
        return span or None
