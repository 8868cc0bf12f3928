"""Use a model of a series; its folder."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from ner.errors import ConfigError, DataError, ModelFolderError
from ner.files import read_manifest, write_folder
from ner.forecasting.coding import Coding
from ner.forecasting.network import build_network
from ner.forecasting.settings import series_settings
from ner.forecasting.transforms import Origins, Values
from ner.nn.model import Model
from ner.nn.runtime import to_tensors

FORMAT = 1

TASK = "series"

WEIGHTS = "model.safetensors"

# Windows that are forecast at once.
AT_ONCE = 512


@dataclass(frozen=True)
class Forecaster:
    """Forecasts a series by the mean of several networks.

    Args:
        coding: Makes arrays of windows; it has the settings.
        columns: What the columns of the table are called; the first one is forecast.
        networks: In evaluation mode, on one device.
        record: Further facts for the folder: versions, data, scores.
    """

    coding: Coding
    columns: tuple[str, ...]
    networks: Sequence[Model]
    record: Mapping[str, Any] = field(default_factory=dict)

    def forecast(self, values: Values) -> Values:
        """Forecast the steps (h) that follow a table.

        Args:
            values: The last rows that are known (N D), their columns as in `columns`. With
                phases, they have to begin where the training table began, or whole seasons later.

        Raises:
            DataError: There are too few rows.
        """
        settings = self.coding.settings
        if settings.task == "rows":
            raise ConfigError("task: must not be rows to forecast. Got rows; use estimate.")
        if len(values) < settings.history:
            raise DataError(
                f"A forecast: at least {settings.history} rows have to be known. Got {len(values)}."
            )
        return self.predict(values, np.array([len(values)]))[0]

    def estimate(self, inputs: Values) -> Values:
        """Estimate the first column (N) of rows without order from the others (N D-1)."""
        # The first column is not read.
        values = np.concatenate([np.ones((len(inputs), 1)), inputs], axis=1)
        return self.predict(values, np.arange(len(values)))[:, 0]

    def predict(self, values: Values, origins: Origins) -> Values:
        """Forecast (B h) from each origin, a row of the table that does not need to be there.

        Raises:
            DataError: The table has another number of columns, or a value has no logarithm.
        """
        return self._decode(
            values, origins, [self._outputs(n, values, origins) for n in self.networks]
        )

    def predict_each(self, values: Values, origins: Origins) -> list[Values]:
        """Forecast likewise with each network by itself."""
        return [
            self._decode(values, origins, [self._outputs(network, values, origins)])
            for network in self.networks
        ]

    def _decode(self, values: Values, origins: Origins, outputs: Sequence[Values]) -> Values:
        return self.coding.decode(values, origins, np.mean(outputs, axis=0))

    def _outputs(self, network: Model, values: Values, origins: Origins) -> Values:
        """Give what a network says for each origin."""
        if values.shape[1] != len(self.columns):
            raise DataError(
                f"A forecast: the columns {', '.join(self.columns)} are needed. "
                f"Got {values.shape[1]} columns."
            )
        self.coding.windows.check(values, "A forecast")
        device = next(network.parameters()).device
        found = []
        for start in range(0, len(origins), AT_ONCE):
            arrays = self.coding.encode(values, origins[start : start + AT_ONCE])
            with torch.inference_mode():
                outputs = network(to_tensors(arrays, device))["values"]
            found.append(outputs.cpu().numpy())
        return np.concatenate(found).astype(np.float64)

    def save(self, folder: Path, card: str) -> None:
        """Write a folder: weights as safetensors, all else as JSON, and a card for people."""
        tensors = {
            f"{i}.{name}": tensor.detach().cpu().clone()
            for i, network in enumerate(self.networks)
            for name, tensor in network.state_dict().items()
        }

        def write(target: Path) -> None:
            save_file(tensors, target / WEIGHTS)
            (target / "README.md").write_text(card, encoding="utf-8")

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
    """Read a folder.

    Raises:
        ModelFolderError: Something is missing, changed, or of a newer format.
    """
    folder = Path(folder)
    manifest = read_manifest(folder, FORMAT)
    if manifest.get("task") != TASK:
        raise ModelFolderError(
            f"{folder}: a model of a series is needed. Got one of the task "
            f"{manifest.get('task')!r}."
        )
    try:
        settings = series_settings(**manifest["settings"])
        coding = Coding.from_dict(settings, manifest["scaling"])
        columns = tuple(map(str, manifest["columns"]))
        record = dict(manifest["record"])
        tensors = load_file(folder / WEIGHTS)
        networks = []
        for i in range(settings.seeds):
            network = build_network(settings, coding.num_features)
            mine = {n.partition(".")[2]: t for n, t in tensors.items() if n.startswith(f"{i}.")}
            network.load_state_dict(mine)
            networks.append(network.to(device).eval())
        broken = [name for name, tensor in tensors.items() if not tensor.isfinite().all()]
    except (
        OSError,
        ValueError,
        KeyError,
        TypeError,
        RuntimeError,
        ConfigError,
        SafetensorError,
    ) as e:
        reason = " ".join(str(e).split())
        raise ModelFolderError(f"{folder}: not a whole model: {reason}") from e
    if broken:
        raise ModelFolderError(
            f"{folder}: {WEIGHTS}: {broken[0]} holds numbers that are not finite."
        )
    return Forecaster(coding, columns, networks, record)
