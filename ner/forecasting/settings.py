"""The settings of a run on a series: their defaults, their ranges and what they mean."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from ner.config import TrainingConfig
from ner.config.loading import parse_config
from ner.errors import ConfigError
from ner.forecasting.transforms import REFERENCES, SEASONAL, Scaling

Task = Literal["many-to-one", "many-to-many", "one-to-many", "rows"]

# Defaults that differ from those of a tagger.
ENCODER = {"size": 32, "dropout": 0.0, "bidirectional": False}

TRAINING = {
    "epochs": 100,
    "patience": 15,
    "batch_size": 32,
    "learning_rate": 5e-3,
    "schedule": "cosine",
    "ema": 0.99,
}

# The settings of training that have a meaning for a series.
USED = frozenset(
    (
        *TRAINING,
        *("optimizer", "momentum", "betas", "weight_decay", "l1", "l2"),
        *("warmup", "decay"),
        *("plateau_patience", "clip_norm", "device", "threads", "checkpoint_minutes"),
    )
)

# Settings that may change when a run is resumed. They do not affect the model.
FREE = ("device", "threads", "checkpoint_minutes")


@dataclass(frozen=True)
class SeriesSettings:
    """Settings of windows, network and training. `series_settings` makes and explains them."""

    task: Task
    window: int
    patch: int
    horizon: int
    reference: str
    period: int | None
    log: bool
    phases: bool
    scaling: Scaling
    projection: int
    seeds: int
    seed: int
    encoder: Mapping[str, Any]
    training: Mapping[str, Any]

    @property
    def history(self) -> int:
        """The number of rows that must precede the first step of a forecast."""
        if self.task == "rows":
            return 0
        return self.window + (self.period or 0 if self.reference in SEASONAL else 0)

    def to_dict(self) -> dict[str, Any]:
        """Return everything in a form that JSON can hold."""
        return dataclasses.asdict(self)


def series_settings(
    *,
    task: Task = "many-to-one",
    window: int = 24,
    patch: int = 1,
    horizon: int = 1,
    reference: str | None = None,
    period: int | None = None,
    log: bool = False,
    phases: bool = False,
    scaling: Scaling = "standard",
    projection: int = 0,
    seeds: int = 5,
    seed: int = 1,
    encoder: Mapping[str, Any] | None = None,
    training: Mapping[str, Any] | None = None,
) -> SeriesSettings:
    """Check settings, and fill in defaults.

    Args:
        task: `many-to-one` reads a window and forecasts all steps from its last state;
            `many-to-many` forecasts at each step of the window; `one-to-many` reads the window as
            one vector and writes the steps one by one; `rows` estimates a column of each row from
            the others, and knows no order of rows.
        window: Number of steps that are read.
        patch: Number of steps that the network reads at once. It divides the window.
        horizon: Number of steps that are forecast.
        reference: The plain forecast that the network corrects: `none`; `last`, the last value,
            which is the default except for `rows`; `season`, the last season; `drift`, the last
            season, moved by the change of the last value against a season earlier.
        period: Number of steps in a season.
        log: Forecast the logarithm of the column, so that changes are relative.
        phases: Let the network read where in the season each step is.
        scaling: `standard` (mean 0, deviation 1) or `min-max` (from 0 to 1).
        projection: Width that values are projected to before the encoder; 0 for no projection.
        seeds: Number of networks. They differ in their seeds, and a forecast is their mean.
        seed: The first of the seeds.
        encoder: Settings of the section `encoder` of a tagger that differ from `ENCODER`.
        training: Settings of the section `training` that differ from `TRAINING`.

    Raises:
        ConfigError: A setting is out of range or contradicts another one.
    """
    unused = (training or {}).keys() & (TrainingConfig.model_fields.keys() - USED)
    if unused:
        raise ConfigError(f"training.{min(unused)}: has no meaning for a series. Leave it out.")
    learning = {**TRAINING, **(training or {})}
    for name in ("epochs", "batch_size"):  # no `auto`: it follows numbers of sentences
        _at_least(f"training.{name}", learning[name], 1)
    sections = parse_config({"encoder": {**ENCODER, **(encoder or {})}, "training": learning})
    chosen = sections.training.model_dump(mode="json")
    settings = SeriesSettings(
        task=_one_of("task", task, get_args(Task)),
        window=_at_least("window", window, 1),
        patch=_at_least("patch", patch, 1),
        horizon=_at_least("horizon", horizon, 1),
        reference=_one_of(
            "reference", reference or ("none" if task == "rows" else "last"), list(REFERENCES)
        ),
        period=period if period is None else _at_least("period", period, 2),
        log=log,
        phases=phases,
        scaling=_one_of("scaling", scaling, get_args(Scaling)),
        projection=_at_least("projection", projection, 0),
        seeds=_at_least("seeds", seeds, 1),
        seed=_at_least("seed", seed, 0),
        encoder=sections.encoder.model_dump(mode="json"),
        training={name: chosen[name] for name in chosen if name in USED},
    )
    _check_together(settings)
    return settings


def _check_together(settings: SeriesSettings) -> None:
    if settings.period is None and (settings.phases or settings.reference in SEASONAL):
        cause = "phases" if settings.phases else f"the reference {settings.reference}"
        raise ConfigError(f"period: must be given for {cause}. Got none.")
    if settings.window % settings.patch:
        raise ConfigError(
            f"patch: must divide the window, {settings.window}. Got {settings.patch}."
        )
    if settings.task == "rows":
        for name, value, only in (
            ("horizon", settings.horizon, 1),
            ("reference", settings.reference, "none"),
            ("phases", settings.phases, False),
        ):
            if value != only:
                raise ConfigError(f"{name}: must be {only} for rows. Got {value}.")
    if settings.task == "many-to-many":
        for name, only in (("kind", "rnn"), ("bidirectional", False), ("attention_heads", 0)):
            if settings.encoder[name] != only:
                raise ConfigError(
                    f"encoder.{name}: must be {only} for many-to-many, where a step must not see "
                    f"the steps that it forecasts. Got {settings.encoder[name]}."
                )


def _at_least(name: str, value: Any, least: int) -> int:
    if not isinstance(value, int) or value < least:
        raise ConfigError(f"{name}: must be a whole number of at least {least}. Got {value}.")
    return value


def _one_of(name: str, value: Any, known: Sequence[str]) -> Any:
    if value not in known:
        raise ConfigError(f"{name}: must be one of {', '.join(known)}. Got {value!r}.")
    return value
