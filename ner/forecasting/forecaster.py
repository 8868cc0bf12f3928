"""Models of series: forecasts, and the folder of a model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from ner.data.lines import replace_surrogates
from ner.errors import ConfigError, DataError, ModelFolderError
from ner.files import read_manifest, utf8_path, write_folder, write_text
from ner.forecasting.coding import Coding
from ner.forecasting.network import build_network
from ner.forecasting.settings import series_settings
from ner.forecasting.transforms import Origins, Values
from ner.nn.model import Model
from ner.nn.runtime import check_counts, to_tensors

FORMAT = 1
TASK = "series"
WEIGHTS = "model.safetensors"

# Windows in a batch of forecasts.
BATCH_SIZE = 512


@dataclass(frozen=True)
class Forecaster:
    """Forecasts a series by the mean of several networks.

    Args:
        coding: Makes arrays of windows; it has the settings.
        columns: The names of the columns; the first one is forecast.
        networks: In evaluation mode, all on one device.
        record: Further facts that the folder keeps: versions, data, scores.
    """

    coding: Coding
    columns: tuple[str, ...]
    networks: Sequence[Model]
    record: Mapping[str, Any] = field(default_factory=dict)

    def forecast(self, values: Values) -> Values:
        """Forecast the steps (h) that follow a table.

        Args:
            values: The last known rows (N D), with the columns that `columns` names. With phases,
                they must begin where the training table began, or whole seasons later.

        Raises:
            ConfigError: The model is for rows without order.
            DataError: There are too few rows.
        """
        settings = self.coding.settings
        if settings.task == "rows":
            raise ConfigError("task: must not be rows in forecast(). Got rows; use estimate().")
        if len(values) < settings.history:
            raise DataError(
                f"values: at least {settings.history} rows are needed to forecast. "
                f"Got {len(values)}."
            )
        return self.predict(values, np.array([len(values)]))[0]

    def estimate(self, inputs: Values) -> Values:
        """Estimate the first column (N) of rows without order from the others (N D-1)."""
        # A first column, which the network does not read.
        values = np.concatenate([np.ones((len(inputs), 1)), inputs], axis=1)
        return self.predict(values, np.arange(len(values)))[:, 0]

    def predict(self, values: Values, origins: Origins) -> Values:
        """Compute forecasts (B h) from each origin.

        Args:
            values: The table (N D).
            origins: First row of each forecast (B). The table may end before it.

        Raises:
            DataError: The table has another number of columns, or a value has no logarithm.
        """
        return self._decode(
            values, origins, [self._outputs(n, values, origins) for n in self.networks]
        )

    def predict_each(self, values: Values, origins: Origins) -> list[Values]:
        """Compute the same forecasts with each network alone."""
        return [
            self._decode(values, origins, [self._outputs(network, values, origins)])
            for network in self.networks
        ]

    def _decode(self, values: Values, origins: Origins, outputs: Sequence[Values]) -> Values:
        return self.coding.decode(values, origins, np.mean(outputs, axis=0))

    def _outputs(self, network: Model, values: Values, origins: Origins) -> Values:
        if values.shape[1] != len(self.columns):
            raise DataError(
                f"values: must have the columns {', '.join(self.columns)}. "
                f"Got {values.shape[1]} columns."
            )
        self.coding.windows.check(values, "values")
        device = next(network.parameters()).device
        batches = []
        for start in range(0, len(origins), BATCH_SIZE):
            arrays = self.coding.encode(values, origins[start : start + BATCH_SIZE])
            with torch.inference_mode():
                outputs = network(to_tensors(arrays, device))["values"]
            batches.append(outputs.cpu().numpy())
        return np.concatenate(batches).astype(np.float64)

    def save(self, folder: Path, card: str) -> None:
        """Write a folder with weights as safetensors, everything else as JSON, and a model card."""
        tensors = {
            f"{i}.{name}": tensor.detach().cpu().clone()
            for i, network in enumerate(self.networks)
            for name, tensor in network.state_dict().items()
        }

        def write(target: Path) -> None:
            save_file(tensors, target / WEIGHTS)
            write_text(target / "README.md", replace_surrogates(card))

        manifest = {
            "format": FORMAT,
            "task": TASK,
            "settings": self.coding.settings.to_dict(),
            "scaling": self.coding.to_dict(),
            "columns": list(self.columns),
            "record": dict(self.record),
        }
        write_folder(folder, manifest, write)


def load_forecaster(folder: str | Path, device: str | torch.device = "cpu") -> Forecaster:
    """Read the folder of a model.

    Raises:
        ModelFolderError: A file is missing or changed, or the format is newer than this version
            reads.
    """
    folder = Path(folder)
    manifest = read_manifest(folder, FORMAT)
    if manifest.get("task") != TASK:
        raise ModelFolderError(
            f"{folder}: must be a model of a series. Got a model for the task "
            f"{manifest.get('task')!r}."
        )
    networks: list[Model] = []
    try:
        settings = series_settings(**manifest["settings"])
        coding = Coding.from_dict(settings, manifest["scaling"])
        columns = tuple(map(str, manifest["columns"]))
        record = dict(manifest["record"])
        with utf8_path(folder) as place:
            tensors = load_file(place / WEIGHTS)
        if settings.seeds > len(tensors):
            raise ValueError(f"{settings.seeds} networks, but {len(tensors)} weights")
        check_counts({"encoder": settings.encoder}, len(tensors), str(folder))
        with torch.device("meta"):
            planned = build_network(settings, coding.num_features).state_dict()
        for i in range(settings.seeds):
            own = {n.partition(".")[2]: t for n, t in tensors.items() if n.startswith(f"{i}.")}
            _check_weights(planned, own)
            network = build_network(settings, coding.num_features)
            network.load_state_dict(own)
            networks.append(network.to(device).eval())
    except (
        AttributeError,
        OSError,
        ValueError,
        LookupError,
        TypeError,
        RuntimeError,
        ConfigError,
        SafetensorError,
    ) as e:
        reason = " ".join(str(e).split())
        raise ModelFolderError(f"{folder}: not a whole model: {reason}") from e
    return Forecaster(coding, columns, networks, record)


def _check_weights(planned: Mapping[str, torch.Tensor], found: Mapping[str, torch.Tensor]) -> None:
    """Compare weights with a network before memory is asked for.

    Raises:
        ValueError: A weight is missing, unexpected, of another shape, or not finite.
    """
    for name in sorted(planned.keys() - found.keys()):
        raise ValueError(f"{WEIGHTS} must hold {name}. Got no such weight")
    for name in sorted(found.keys() - planned.keys()):
        raise ValueError(f"{WEIGHTS} must hold no {name}. Got an unexpected weight")
    for name, tensor in found.items():
        if tensor.shape != planned[name].shape:
            shapes = f"{tuple(planned[name].shape)}. Got {tuple(tensor.shape)}"
            raise ValueError(f"{WEIGHTS}: {name} must have the shape {shapes}")
        if not tensor.isfinite().all():
            raise ValueError(f"{WEIGHTS}: {name} must be finite. Got other numbers")
