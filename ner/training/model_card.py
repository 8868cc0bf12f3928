"""The model card: what a model is, how it was trained and how good it is."""

from collections.abc import Mapping
from typing import Any

from ner.config import EncoderConfig
from ner.config.loading import Config
from ner.training.result import METRIC_NAMES, RunResult

# As papers write them.
NAMES_OF_CELLS = {"lstm": "LSTM", "gru": "GRU", "mingru": "minGRU", "minlstm": "minLSTM"}


def model_card(config: Config, data: Mapping[str, Any], result: RunResult) -> str:
    """Write the README of a model folder."""
    card = result.predictor.task.card
    splits = "\n".join(
        f"| {split} | {facts['source']} | {facts.get('sentences', '')} | "
        f"{facts.get('tokens', '')} | {facts.get('entities', '')} | "
        f"{str(facts.get('sha256') or '')[:12]} |"
        for split, facts in data.items()
    )
    tables = "\n".join(
        f"```\n{report}\n```\n\nFor comparison, {result.baseline_name}: "
        f"{METRIC_NAMES[report.metric]} {100 * result.baselines[split]:.2f}.\n"
        for split, report in result.reports.items()
    )
    return f"""# {card.title}

Encoder: {_encoder(config.encoder)}. Seed: {config.seed}.
Its labels: {", ".join(result.predictor.labels)}.

```python
import ner

model = ner.load("path/to/this/folder")
{card.use}
```

## Data

| split | source | sentences | tokens | entities | sha256 |
|---|---|---|---|---|---|
{splits}

## Results

{tables}
{card.scores}
`config.toml` holds all settings, `manifest.json` versions and digests.
"""


def _encoder(section: EncoderConfig) -> str:
    if section.kind == "idcnn":
        return "iterated dilated convolutions"
    directions = "both directions" if section.bidirectional else "forwards"
    return f"{NAMES_OF_CELLS[section.cell]}, {directions}"
