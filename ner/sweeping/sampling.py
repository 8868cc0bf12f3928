"""The settings of each trial, chosen by Optuna."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.study import Study
from optuna.trial import FrozenTrial

from ner.choices import SearchMethod
from ner.sweeping.space import Choices, Range, Space, grid


class NumberedSampler(BaseSampler):
    """Chooses by the number of a trial and the results so far, whichever process asks.

    A random seed of its own for each trial keeps a sweep that goes on from choosing the settings
    of its first trials again, and two processes that ask at once from choosing the same.

    Args:
        space: What is searched.
        method: `tpe`, `random`, or `grid`, where the number of a trial is that of its point.
        seed: Random seed.
        own: Settings of the first trial, if they are within the space.

    Source of `tpe`: Bergstra et al., "Algorithms for Hyper-Parameter Optimization", NIPS 2011,
    section 4, as Optuna has it.
    """

    def __init__(
        self, space: Space, method: SearchMethod, seed: int, own: Mapping[str, Any] | None
    ) -> None:
        self._distributions = distributions(space)
        self._method = method
        self._seed = seed
        self._fixed = [own] if own else []
        if method == "grid":
            self._fixed = grid(space)
        self._inner: BaseSampler = RandomSampler(seed)

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        """Choose the random seed of a trial."""
        (seed,) = np.random.SeedSequence((self._seed, trial.number)).generate_state(1)
        sampler = TPESampler if self._method == "tpe" else RandomSampler
        self._inner = sampler(seed=int(seed))
        self._inner.before_trial(study, trial)

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """Return what is chosen together: everything, where the settings of a trial are fixed."""
        if trial.number < len(self._fixed):
            return self._distributions
        return self._inner.infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Choose values together."""
        if trial.number < len(self._fixed):
            return encode(self._fixed[trial.number])
        return self._inner.sample_relative(study, trial, search_space)

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """Choose one value."""
        return self._inner.sample_independent(study, trial, param_name, param_distribution)


def distributions(space: Space) -> dict[str, BaseDistribution]:
    """Return the space as Optuna describes it."""
    return {key: _distribution(allowed) for key, allowed in space.items()}


def _distribution(allowed: Choices | Range) -> BaseDistribution:
    if isinstance(allowed, Choices):
        return CategoricalDistribution([_encoded(value) for value in allowed.values])
    if allowed.whole:
        return IntDistribution(int(allowed.low), int(allowed.high), log=allowed.log)
    return FloatDistribution(allowed.low, allowed.high, log=allowed.log)


def encode(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings as Optuna keeps them."""
    return {key: _encoded(value) for key, value in settings.items()}


def decode(space: Space, params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that Optuna keeps as `params`."""
    return {key: _decoded(allowed, params[key]) for key, allowed in space.items()}


def _decoded(allowed: Choices | Range, param: Any) -> Any:
    if isinstance(allowed, Range):
        return param
    values: Sequence[Any] = allowed.values
    return next(value for value in values if _encoded(value) == param)


def _encoded(value: Any) -> Any:
    """Return a value as it is, or the text of a list or table, which Optuna does not know."""
    return value if isinstance(value, str | int | float) else repr(value)
