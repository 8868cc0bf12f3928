"""The model: an embedder, an encoder and a head, one after the other."""

from collections.abc import Mapping
from typing import Any, Protocol, cast, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from ner.nn.auxiliary import AuxiliaryHead
from ner.nn.heads import Head, Teacher
from ner.nn.tensors import BatchTensors, OutputTensors


@runtime_checkable
class TokenEmbedder(Protocol):
    """The first component of a model: a module that computes vectors, such as `Embedder`."""

    size: int
    """Width of the vectors (E)."""

    def __call__(self, batch: Any) -> Float[Tensor, "B T E"]:
        """Compute the vectors of the tokens of a batch."""
        ...


@runtime_checkable
class Encoder(Protocol):
    """The second component of a model: a module that computes states, such as `DilatedCNN`."""

    size: int
    """Width of the states (H)."""

    def __call__(
        self, embedded: Float[Tensor, "B T E"], lengths: Int[Tensor, " B"]
    ) -> Float[Tensor, "B T H"]:
        """Compute the states of tokens from their vectors and the lengths of sentences.

        Positions past the end of a sentence are padding: they must not change the states of tokens.
        """
        ...


class Model(nn.Module):
    """A network from batches of sentences to scores of tags or classes.

    Any modules with the calls of these protocols can be the components of a model.

    Args:
        embedder: Computes the vectors of tokens (B T E) of a batch.
        encoder: Computes states (B T H) from these vectors and the lengths (B) of sentences.
        head: Computes the loss and the outputs from these states.
        autocast: Whether embedder and encoder are trained in bfloat16. The head always computes in
            float32.

    Training may set `auxiliary`, whose loss is added to that of the head. It is no part of the
    model that is saved.
    """

    auxiliary: AuxiliaryHead | None

    def __init__(
        self, embedder: TokenEmbedder, encoder: Encoder, head: Head, autocast: bool = False
    ) -> None:
        super().__init__()
        self.embedder = embedder
        self.encoder = encoder
        self.head = head
        self.autocast = autocast
        self.auxiliary = None

    def hidden(self, batch: BatchTensors) -> Float[Tensor, "B T H"]:
        """Compute the states of the tokens of a batch."""
        device = batch["lengths"].device.type
        with torch.autocast(device, torch.bfloat16, enabled=self.autocast and self.training):
            return self.encoder(self.embedder(batch), batch["lengths"])

    def loss(self, batch: BatchTensors) -> Float[Tensor, ""]:
        """Compute the mean loss of the sentences of a batch, in nats."""
        gold = cast("Mapping[str, Tensor]", batch)[self.head.gold]
        weights = batch.get("sentence_weights")
        optional: dict[str, Any] = {**_sentence_ids(batch)}
        if weights is not None:
            optional["sentence_weights"] = weights
        if "teacher_weights" in batch:
            optional["teacher"] = Teacher(
                batch["teacher_weights"], batch["teacher_tags"], batch["teacher_steps"]
            )
        hidden, lengths = self.hidden(batch), batch["lengths"]
        loss = self.head.loss(hidden, lengths, gold, **optional)
        if self.auxiliary is None:
            return loss
        return loss + self.auxiliary.loss(hidden, lengths, batch["auxiliary"], weights)

    def forward(self, batch: BatchTensors) -> OutputTensors:
        """Compute the outputs that a task decodes, see `Head.outputs`."""
        return self.head.outputs(self.hidden(batch), batch["lengths"], **_sentence_ids(batch))


def _sentence_ids(batch: BatchTensors) -> dict[str, Tensor]:
    """Return the sentence of each token as an argument, for the heads that read it."""
    return {"sentence_ids": batch["sentence_ids"]} if "sentence_ids" in batch else {}
