"""Every setting of a run over a series, once: its default, its range, what it means."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from ner.config import TrainingConfig
from ner.config.loading import parse_config
from ner.errors import ConfigError
from ner.forecasting.transforms import REFERENCES, SEASONAL, Scaling

Task = Literal["many-to-one", "many-to-many", "one-to-many", "rows"]

# Where the sections of a tagger have other defaults.
ENCODER = {"size": 32, "dropout": 0.0, "bidirectional": False}

TRAINING = {
    "epochs": 100,
    "patience": 15,
    "batch_size": 32,
    "learning_rate": 5e-3,
    "schedule": "cosine",
    "ema": 0.99,
}

# What training a series reads of its section.
USED = frozenset(
    (
        *TRAINING,
        *("optimizer", "momentum", "betas", "weight_decay", "l1", "l2"),
        *("warmup", "decay"),
        *("plateau_patience", "clip_norm", "device", "threads", "checkpoint_minutes"),
    )
)

# What may differ between a run and its resumption, and does not belong to a model.
FREE = ("device", "threads", "checkpoint_minutes")


@dataclass(frozen=True)
class SeriesSettings:
    """Settings of windows, network and training; made, and described, by `series_settings`."""

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
        """Rows that have to lie before the first step of a forecast."""
        if self.task == "rows":
            return 0
        return self.window + (self.period or 0 if self.reference in SEASONAL else 0)

    def to_dict(self) -> dict[str, Any]:
        """Give everything as JSON can hold it."""
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
    """Check settings, and fill in what is left out.

    Args:
        task: `many-to-one` reads a window and forecasts all steps from its last state;
            `many-to-many` forecasts at each step of the window; `one-to-many` reads the window as
            one vector and writes the steps one by one; `rows` estimates a column of each row from
            the others, and knows no order of rows.
        window: Steps that are read.
        patch: Steps that the network takes in at once; they divide the window.
        horizon: Steps that are forecast.
        reference: The plain forecast from which the network forecasts the departure: `none`,
            `last` (the last value; by default, but for `rows`), `season` (the last season),
            `drift` (the last season, moved by how much the last value was above that of its
            season).
        period: Steps of a season.
        log: Work with the logarithm of the column, so that changes are shares of it.
        phases: Show the network where in the season each step is.
        scaling: `standard` or `min-max`.
        projection: Width that values are projected to before the encoder; 0: none.
        seeds: Networks that are trained, which differ in their seed; forecasts are their mean.
        seed: The first of the seeds.
        encoder: Settings of the section of this name in a configuration of a tagger, where they
            differ from those of `ENCODER`.
        training: Likewise.

    Raises:
        ConfigError: One is out of range or at odds with another.
    """
    unused = (training or {}).keys() & (TrainingConfig.model_fields.keys() - USED)
    if unused:
        raise ConfigError(f"training.{min(unused)}: has no meaning for a series. Leave it out.")
    sections = parse_config(
        {"encoder": {**ENCODER, **(encoder or {})}, "training": {**TRAINING, **(training or {})}}
    )
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
                    f"encoder.{name}: must be {only} for many-to-many, where no step may see those "
                    f"that it forecasts. Got {settings.encoder[name]}."
                )


def _at_least(name: str, value: int, least: int) -> int:
    if value < least:
        raise ConfigError(f"{name}: must be at least {least}. Got {value}.")
    return value


def _one_of(name: str, value: Any, known: Sequence[str]) -> Any:
    if value not in known:
        raise ConfigError(f"{name}: must be one of {', '.join(known)}. Got {value!r}.")
    return value
