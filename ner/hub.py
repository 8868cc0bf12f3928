"""Upload models to the Hugging Face hub, with a card whose facts the hub can read."""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from ner.download import LIBRARY, PREFIX, REPOSITORY, hub_library, one_line_errors
from ner.ensemble_folder import EnsembleFolder, copy_folder, load_folder
from ner.errors import ConfigError
from ner.extras import require
from ner.model_folder import ModelFolder

# The scores of a manifest, and what a model card calls them.
METRIC_NAMES = {"f1": "F1", "precision": "Precision", "recall": "Recall", "accuracy": "Accuracy"}

# The line before and after the facts at the start of a card.
FENCE = "---\n"


class CardFacts(NamedTuple):
    """What a model card on the hub says besides what the model knows.

    Args:
        license: The licence of the model, as an identifier of the hub, such as "mit".
        language: The languages of the texts, as ISO 639 codes.
        tags: Further tags.
    """

    license: str | None = None
    language: Sequence[str] = ()
    tags: Sequence[str] = ()


NO_FACTS = CardFacts()


def push_model(
    folder: str | Path,
    repository: str,
    *,
    revision: str | None = None,
    private: bool = False,
    facts: CardFacts = NO_FACTS,
    message: str | None = None,
) -> str:
    """Upload a model to the hub, with a card whose facts the hub can read.

    Args:
        folder: The model folder, which stays as it is.
        repository: Its new name on the hub, such as `org/name`. It is created if it is not there.
        revision: The branch; by default `main`.
        private: Whether a new repository is private.
        facts: What the card says besides what the model knows.
        message: Says what is new in this upload.

    Returns:
        The address of the upload.

    Raises:
        ConfigError: That is no name of a repository.
        ModelFolderError: The model cannot be read, or the hub refuses it or cannot be reached.
        MissingExtraError: `huggingface_hub` is not installed.
    """
    if REPOSITORY.fullmatch(repository) is None:
        raise ConfigError(f"{repository}: must be ORGANIZATION/NAME, the name of a repository.")
    hub = hub_library()
    source = Path(folder)
    model = load_folder(source)
    card = model_card(model, repository.partition("/")[2], facts)
    with tempfile.TemporaryDirectory(prefix="lattice-ner-") as temporary:
        copy = Path(temporary) / "model"
        copy_folder(source, replace(model, card=card), copy)
        with one_line_errors(f"{PREFIX}{repository}"):
            client = hub.HfApi()
            client.create_repo(repository, private=private, exist_ok=True)
            if revision is not None:
                client.create_branch(repository, branch=revision, exist_ok=True)
            done = client.upload_folder(
                repo_id=repository,
                folder_path=copy,
                revision=revision,
                commit_message=message or "Upload a model",
            )
    return str(done.commit_url)


def model_card(model: ModelFolder | EnsembleFolder, name: str, facts: CardFacts) -> str:
    """Return the card of a model with facts in YAML before it: metrics, licence, languages, tags.

    Facts that the card has already stay, unless there are new ones.

    Args:
        model: The model.
        name: Its name on the hub.
        facts: What the card says besides what the model knows.
    """
    cards = require("huggingface_hub.repocard_data", "A model card for the hub", extra="hub")
    yaml = require("yaml", "A model card for the hub", extra="hub")
    known, text = _split_card(model.card, yaml)
    kind = "token-classification" if model.task.is_per_token else "text-classification"
    language = facts.language or [model.featurizer.language or ""]
    tags = [*known.get("tags", ()), LIBRARY, *facts.tags]
    results = list(_results(model.record, kind, model.task.does, cards.EvalResult))
    data = cards.ModelCardData(
        language=[code for code in language if code] or known.get("language"),
        license=facts.license or model.record.get("licence") or known.get("license"),
        library_name=LIBRARY,
        pipeline_tag=kind,
        tags=list(dict.fromkeys(tags)),
        metrics=list(dict.fromkeys(result.metric_type for result in results)) or None,
        model_name=name,
        eval_results=results or None,
    )
    others = {key: value for key, value in known.items() if key not in data.to_dict()}
    facts_text = data.to_yaml()
    if others:
        facts_text += "\n" + yaml.safe_dump(others, sort_keys=False, allow_unicode=True)
    return f"{FENCE}{facts_text.rstrip()}\n{FENCE}\n{text}"


def _results(record: Mapping[str, Any], kind: str, does: str, result: Any) -> Iterator[Any]:
    """Yield the scores that a model knows of, one by one."""
    for split, scores in record.get("metrics", {}).items():
        source = str(record.get("data", {}).get(split, {}).get("source") or split)
        for metric, value in scores.items():
            if metric in METRIC_NAMES:
                yield result(
                    task_type=kind,
                    task_name=does,
                    dataset_type=Path(source).name,  # where it was is nobody else's business
                    dataset_name=Path(source).name,
                    dataset_split=split,
                    metric_type=metric,
                    metric_name=METRIC_NAMES[metric],
                    metric_value=round(value, 6),
                )


def _split_card(card: str, yaml: Any) -> tuple[dict[str, Any], str]:
    """Return the facts at the start of a card, and its text."""
    if card.startswith(FENCE) and f"\n{FENCE}" in card[len(FENCE) :]:
        head, _, text = card[len(FENCE) :].partition(f"\n{FENCE}")
        facts = yaml.safe_load(head)
        if isinstance(facts, dict):
            return facts, text.lstrip("\n")
    return {}, card
