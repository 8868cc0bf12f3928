"""Documents cut into sentences, so that what works on texts works on each sentence."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ner.nn.masks import length_mask


@dataclass
class Parts:
    """Where the sentences of a batch of documents are.

    Axes: S sentences of all documents, W tokens of the longest, N sentences of the document that
    has most.

    Args:
        lengths: Tokens of each sentence.
        counts: Sentences of each document.
        documents: The document of each sentence.
        rows: Place of each sentence's tokens among all B * T tokens (S W); behind its end, some.
        members: The sentences of each document (B N); behind the last, some.
        part_of: Sentence of each token among all (B T); behind a document's end, its last one.
        place: Place of each token within its sentence (B T); behind the end, some.
        position: Place of each token's sentence within its document (B T).
        token_lengths: Tokens of each document.
    """

    lengths: Int[Tensor, " S"]
    counts: Int[Tensor, " B"]
    documents: Int[Tensor, " S"]
    rows: Int[Tensor, "S W"]
    members: Int[Tensor, "B N"]
    part_of: Int[Tensor, "B T"]
    place: Int[Tensor, "B T"]
    position: Int[Tensor, "B T"]
    token_lengths: Int[Tensor, " B"]

    def tokens(self, hidden: Float[Tensor, "B T H"]) -> Float[Tensor, "S W H"]:
        """Give the states of each sentence's tokens."""
        return hidden.flatten(0, 1)[self.rows]

    def parts(self, vectors: Float[Tensor, "S P"]) -> Float[Tensor, "B N P"]:
        """Give the vectors of each document's sentences."""
        return vectors[self.members]

    def spread(
        self, within: Float[Tensor, "S K W"], whole: Float[Tensor, "B N"]
    ) -> Float[Tensor, "B K T"]:
        """Multiply weights within sentences by those of the sentences; 0 behind the end."""
        own = within.transpose(1, 2)[self.part_of, self.place].transpose(1, 2)
        # Axes: document (B) x head (1) x token (T).
        attention = own * whole.gather(1, self.position)[:, None, :]
        inside = length_mask(self.token_lengths, attention.shape[2])
        return attention.masked_fill(~inside[:, None, :], 0)


def cut_parts(parts: Int[Tensor, "B T"], lengths: Int[Tensor, " B"]) -> Parts:
    """Find the sentences of documents; each has a token at least.

    A GPU has to wait here: the number of sentences decides about shapes.

    Args:
        parts: The sentence of each token: a new one begins where the number changes.
        lengths: Tokens of each document.
    """
    B, T = parts.shape
    begins = length_mask(lengths, T)
    begins[:, 1:] &= parts[:, 1:] != parts[:, :-1]
    starts = begins.flatten().nonzero()[:, 0]
    documents = starts // T
    # A sentence ends where the next one begins, or with its document.
    following = torch.cat([starts[1:], starts.new_tensor([B * T])])
    ends = torch.minimum(following, documents * T + lengths[documents])
    part_lengths = ends - starts
    counts = begins.sum(1)
    first = counts.cumsum(0) - counts

    def upto(sizes: Tensor) -> Tensor:
        return torch.arange(int(sizes.max()), device=sizes.device)

    part_of = (begins.flatten().cumsum(0) - 1).view(B, T)
    tokens = torch.arange(B * T, device=parts.device).view(B, T)
    longest = int(part_lengths.max())
    return Parts(
        lengths=part_lengths,
        counts=counts,
        documents=documents,
        rows=(starts[:, None] + upto(part_lengths)).clamp(max=B * T - 1),
        members=(first[:, None] + upto(counts)).clamp(max=len(starts) - 1),
        part_of=part_of,
        place=(tokens - starts[part_of]).clamp(max=longest - 1),
        position=part_of - first[:, None],
        token_lengths=lengths,
    )
