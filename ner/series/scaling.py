"""Scaling to a range that a network learns well in; fitted once, on training data."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
Scaling = Literal["standard", "min-max"]


@dataclass(frozen=True)
class Scaler:
    """A shift and a factor for each feature.

    Args:
        shift: What is subtracted (D).
        factor: What the rest is divided by (D), above 0.
    """

    shift: Values
    factor: Values

    @classmethod
    def fit(cls, values: Values, kind: Scaling) -> "Scaler":
        """Fit on values (... D): to mean 0 and deviation 1, or to the range from 0 to 1.

        A feature that never changes becomes 0.

        >>> Scaler.fit(np.array([[1.0, 5.0], [3.0, 5.0]]), "min-max").apply(np.array([2.0, 5.0]))
        array([0.5, 0. ])
        """
        flat = values.reshape(-1, values.shape[-1])
        if kind == "standard":
            shift, factor = flat.mean(axis=0), flat.std(axis=0)
        else:
            shift, factor = flat.min(axis=0), np.ptp(flat, axis=0)
        # The mean of equal numbers differs from them by a rounding error.
        constant = np.ptp(flat, axis=0) == 0
        return cls(np.where(constant, flat[0], shift), np.where(constant, 1.0, factor))

    def apply(self, values: Values) -> Values:
        """Scale values (... D)."""
        return (values - self.shift) / self.factor

    def invert(self, scaled: Values) -> Values:
        """Undo `apply`."""
        return scaled * self.factor + self.shift

    def to_dict(self) -> dict[str, list[float]]:
        """Give what `from_dict` needs, as JSON can hold it."""
        return {"shift": self.shift.tolist(), "factor": self.factor.tolist()}

    @classmethod
    def from_dict(cls, facts: Mapping[str, Any]) -> "Scaler":
        """Read what `to_dict` gives.

        Raises:
            ValueError: A number is not finite, or a factor not above 0.
        """
        shift, factor = (np.array(facts[name], dtype=np.float64) for name in ("shift", "factor"))
        finite = np.isfinite(shift).all() and np.isfinite(factor).all()
        if shift.shape != factor.shape or shift.ndim != 1 or not finite or (factor <= 0).any():
            raise ValueError("a scaler has finite shifts and as many factors above 0")
        return cls(shift, factor)
