"""What a network learns beside its task, in training only."""

from collections.abc import Sequence

from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from ner.nn.tensors import length_mask


class AuxiliaryHead(nn.Module):
    """Learns columns of values from the states of a network, each by a softmax over its values.

    Args:
        input_size: Width of the states.
        sizes: The number of values of each column.
        weight: Factor on the loss.

    Source: Caruana, "Multitask Learning", Machine Learning 28, 1997. Søgaard and Goldberg, "Deep
    multi-task learning with low level tasks supervised at lower layers", ACL 2016, add the losses
    of parts of speech below those of chunks; here, all columns are learned from the same states.
    """

    def __init__(self, input_size: int, sizes: Sequence[int], weight: float) -> None:
        super().__init__()
        self.sizes = list(sizes)
        self.weight = weight
        self.projection = nn.Linear(input_size, sum(sizes))

    def loss(
        self,
        hidden: Float[Tensor, "B T H"],
        lengths: Int[Tensor, " B"],
        gold: Int[Tensor, "B T K"],
        sentence_weights: Float[Tensor, " B"] | None = None,
    ) -> Float[Tensor, ""]:
        """Compute the weighted cross-entropy in nats, the mean over sentences.

        It is summed over the tokens of a sentence and over columns, as a CRF sums over tokens.

        Args:
            hidden: The states.
            lengths: Tokens of each sentence.
            gold: The number of the value in each column (K).
            sentence_weights: Factor on the loss of each sentence.
        """
        scores = self.projection(hidden.to(self.projection.weight.dtype)).flatten(0, 1)
        columns = zip(scores.split(self.sizes, dim=1), gold.flatten(0, 1).unbind(1), strict=True)
        losses = sum(F.cross_entropy(each, values, reduction="none") for each, values in columns)
        assert isinstance(losses, Tensor)
        losses = losses.view(gold.shape[:2]) * length_mask(lengths, hidden.shape[1])
        if sentence_weights is not None:
            losses = losses * sentence_weights[:, None]
        return self.weight * losses.sum() / len(lengths)
