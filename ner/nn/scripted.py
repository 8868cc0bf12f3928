"""The CRF under `torch.jit.script`, which compiles neither numpy nor gradients in closed form.

The compiled module calls back into Python, so it gives the same numbers, but it lives only as long
as the process: torch refuses to save it.
"""

from typing import Optional

import torch
from torch import Tensor, nn

from ner.nn.crf import CRF


class ScriptedCRF(nn.Module):
    """The calls that pytorch-crf's layer offers to TorchScript, on the parameters of a `CRF`."""

    start_transitions: Tensor
    transitions: Tensor
    end_transitions: Tensor
    legal_start: Tensor
    legal_transitions: Tensor
    legal_end: Tensor

    def __init__(self, crf: CRF) -> None:
        super().__init__()
        self.batch_first = crf.batch_first
        for name in ("start_transitions", "transitions", "end_transitions"):
            scores = getattr(crf, name)
            # A parameter that was computed from others is none to torch.
            self.register_parameter(
                name, scores if scores.is_leaf else nn.Parameter(scores.detach())
            )
        for name, legal, scores in (
            ("legal_start", crf.legal_start, crf.start_transitions),
            ("legal_transitions", crf.legal_transitions, crf.transitions),
            ("legal_end", crf.legal_end, crf.end_transitions),
        ):
            legal = torch.ones_like(scores, dtype=torch.bool) if legal is None else legal
            self.register_buffer(name, legal, persistent=False)

    def forward(
        self,
        emissions: Tensor,
        tags: Tensor,
        mask: Optional[Tensor] = None,  # noqa: UP045
        reduction: str = "sum",
    ) -> Tensor:
        """See `CRF.forward`."""
        edges = self._edges()
        return call_forward(emissions, tags, mask, reduction, self.batch_first, edges)

    @torch.jit.export
    def decode(
        self,
        emissions: Tensor,
        mask: Optional[Tensor] = None,  # noqa: UP045
    ) -> list[list[int]]:
        """See `CRF.decode`."""
        return call_decode(emissions, mask, self.batch_first, self._edges())

    def _edges(self) -> list[Tensor]:
        return [
            self.start_transitions.masked_fill(~self.legal_start, -torch.inf),
            self.transitions.masked_fill(~self.legal_transitions, -torch.inf),
            self.end_transitions.masked_fill(~self.legal_end, -torch.inf),
        ]


@torch.jit.ignore  # pyright: ignore[reportArgumentType]
def call_forward(
    emissions: Tensor,
    tags: Tensor,
    mask: Optional[Tensor],  # noqa: UP045
    reduction: str,
    batch_first: bool,
    edges: list[Tensor],
) -> Tensor:
    """Leave TorchScript for `CRF.forward`."""
    return _rebuild(batch_first, edges).forward(emissions, tags, mask, reduction)


@torch.jit.ignore  # pyright: ignore[reportArgumentType]
def call_decode(
    emissions: Tensor,
    mask: Optional[Tensor],  # noqa: UP045
    batch_first: bool,
    edges: list[Tensor],
) -> list[list[int]]:
    """Leave TorchScript for `CRF.decode`."""
    return _rebuild(batch_first, edges).decode(emissions, mask)


def _rebuild(batch_first: bool, edges: list[Tensor]) -> CRF:
    """Put given scores in the place of parameters, so that gradients reach what they came from."""
    with torch.device("meta"):
        crf = CRF(len(edges[0]), batch_first)
    names = ("start_transitions", "transitions", "end_transitions")
    for name, scores in zip(names, edges, strict=True):
        delattr(crf, name)
        setattr(crf, name, scores)
    return crf
