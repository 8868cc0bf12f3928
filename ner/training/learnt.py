"""Which weights of a model are learnt, and which stay as they were read."""

from torch import Tensor, nn


def learnt_weights(model: nn.Module) -> dict[str, Tensor]:
    """Give the state of a model without parameters that need no gradient."""
    frozen = frozen_weights(model)
    return {name: tensor for name, tensor in model.state_dict().items() if name not in frozen}


def frozen_weights(model: nn.Module) -> dict[str, Tensor]:
    """Give the parameters that need no gradient, under every name that they have."""
    named = model.named_parameters(remove_duplicate=False)
    return {name: p.detach() for name, p in named if not p.requires_grad}
