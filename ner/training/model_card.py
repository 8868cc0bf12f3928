"""The model card: what a model predicts, how it was trained, and its scores."""

from collections.abc import Mapping
from typing import Any

from ner.config import EncoderConfig
from ner.config.loading import Config
from ner.display import fenced, markdown
from ner.evaluation.scores import METRIC_NAMES
from ner.model_folder import label_lines
from ner.training.result import RunResult

# The spelling of papers.
CELL_NAMES = {"lstm": "LSTM", "gru": "GRU", "mingru": "minGRU", "minlstm": "minLSTM"}
COLUMNS = ("source", "sentences", "tokens", "entities", "sha256")


def model_card(
    config: Config,
    data: Mapping[str, Any],
    result: RunResult,
    build: str | None = None,
    *,
    uses_documents: bool = False,
) -> str:
    """Write the README of a model folder.

    Args:
        config: All settings of the run.
        data: Source, digest and sizes of each split.
        result: The model and its reports.
        build: The name of the user's function that replaced components of the network.
        uses_documents: Whether the model has learned to use the rest of a document.
    """
    card = result.predictor.task.card
    encoder = f"from the function `{build}`" if build else _encoder(config.encoder)
    evidence = "\n- Uses evidence from documents whose sentences come together" * uses_documents
    argument = f", build={build}" if build else ""
    return f"""# {card.title}

{label_lines(result.predictor.labels, {})}
- Encoder: {encoder}
- Seed: {config.seed}{evidence}

```python
import ner

model = ner.load("path/to/this/folder"{argument})
{card.use}
```

## Data

{_data_table(data)}

## Results

{_results(result)}
{card.scores}
All settings are in `config.toml`; versions and digests are in `manifest.json`.
"""


def _encoder(section: EncoderConfig) -> str:
    if section.kind == "idcnn":
        return "iterated dilated convolutions"
    directions = "in both directions" if section.bidirectional else "forwards"
    return f"{CELL_NAMES[section.cell]} {directions}"


def _data_table(data: Mapping[str, Any]) -> str:
    """Write a row for each split; a split that was held out has neither digest nor all sizes."""
    rows = [("split", *COLUMNS), ("---",) * (1 + len(COLUMNS))]
    for split, facts in data.items():
        shown = facts | {"sha256": (facts.get("sha256") or "")[:12]}
        rows.append((split, *(markdown(str(shown.get(column, ""))) for column in COLUMNS)))
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _results(result: RunResult) -> str:
    """Write the report on each split, and the score of the baseline."""
    return "\n".join(
        f"{fenced(str(report))}\n\nFor comparison, {result.baseline_name}: "
        f"{METRIC_NAMES[report.metric]} {100 * result.baselines[split]:.2f}.\n"
        for split, report in result.reports.items()
    )
