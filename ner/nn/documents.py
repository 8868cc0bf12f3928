"""Documents cut into sentences, so that a module for texts can be applied to each sentence."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ner.nn.tensors import length_mask


@dataclass
class SentenceLayout:
    """Where the sentences of a batch of documents are.

    Axes: B documents, T tokens of the longest document; S sentences of all documents, W tokens of
        the
    longest sentence, N sentences of the document that has most.

    Args:
        lengths: Tokens of each sentence.
        counts: Sentences of each document.
        documents: The document of each sentence.
        rows: The place of each token of a sentence among all B * T tokens. Places past the end of a
            sentence are valid, and are ignored.
        members: The sentences of each document. Numbers past the last sentence are valid, and are
            ignored.
        sentence: The sentence of each token, among all sentences; past the end of a document, its
            last sentence.
        place: The place of each token in its sentence; past the end of a document, a valid place.
        position: The place in its document of the sentence of each token.
        document_lengths: Tokens of each document.
    """

    lengths: Int[Tensor, " S"]
    counts: Int[Tensor, " B"]
    documents: Int[Tensor, " S"]
    rows: Int[Tensor, "S W"]
    members: Int[Tensor, "B N"]
    sentence: Int[Tensor, "B T"]
    place: Int[Tensor, "B T"]
    position: Int[Tensor, "B T"]
    document_lengths: Int[Tensor, " B"]

    def gather_tokens(self, hidden: Float[Tensor, "B T H"]) -> Float[Tensor, "S W H"]:
        """Return the states of the tokens of each sentence."""
        return hidden.flatten(0, 1)[self.rows]

    def gather_sentences(self, vectors: Float[Tensor, "S P"]) -> Float[Tensor, "B N P"]:
        """Return the vectors of the sentences of each document."""
        return vectors[self.members]

    def multiply_weights(
        self, within: Float[Tensor, "S K W"], whole: Float[Tensor, "B N"]
    ) -> Float[Tensor, "B K T"]:
        """Multiply the weight of each token in its sentence by the weight of the sentence.

        Args:
            within: Weights of tokens in their sentence.
            whole: Weights of the sentences of each document.

        Returns:
            The weights of the tokens of each document, 0 past its end.
        """
        own = within.transpose(1, 2)[self.sentence, self.place].transpose(1, 2)
        # Axes: document (B) x head (1) x token (T).
        attention = own * whole.gather(1, self.position)[:, None, :]
        inside = length_mask(self.document_lengths, attention.shape[2])
        return attention.masked_fill(~inside[:, None, :], 0)


def lay_out_sentences(
    sentence_ids: Int[Tensor, "B T"], lengths: Int[Tensor, " B"]
) -> SentenceLayout:
    """Find the sentences of documents; each sentence has at least one token.

    A GPU has to wait here, because the number of sentences decides the shapes of tensors.

    Args:
        sentence_ids: The sentence of each token. A sentence begins where the number changes.
        lengths: Tokens of each document.
    """
    B, T = sentence_ids.shape
    begins = length_mask(lengths, T)
    begins[:, 1:] &= sentence_ids[:, 1:] != sentence_ids[:, :-1]
    starts = begins.flatten().nonzero()[:, 0]
    documents = starts // T
    # A sentence ends where the next one begins, or at the end of its document.
    following = torch.cat([starts[1:], starts.new_tensor([B * T])])
    ends = torch.minimum(following, documents * T + lengths[documents])
    sentence_lengths = ends - starts
    counts = begins.sum(1)
    first = counts.cumsum(0) - counts

    def upto(sizes: Tensor) -> Tensor:
        return torch.arange(int(sizes.max()), device=sizes.device)

    sentence = (begins.flatten().cumsum(0) - 1).view(B, T)
    tokens = torch.arange(B * T, device=sentence_ids.device).view(B, T)
    longest = int(sentence_lengths.max())
    return SentenceLayout(
        lengths=sentence_lengths,
        counts=counts,
        documents=documents,
        rows=(starts[:, None] + upto(sentence_lengths)).clamp(max=B * T - 1),
        members=(first[:, None] + upto(counts)).clamp(max=len(starts) - 1),
        sentence=sentence,
        place=(tokens - starts[sentence]).clamp(max=longest - 1),
        position=sentence - first[:, None],
        document_lengths=lengths,
    )
