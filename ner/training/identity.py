"""What makes a run, and how two runs differ."""

import json
from collections.abc import Mapping
from typing import Any

from ner.config.loading import Config
from ner.data.lines import short


def identify(config: Config, inputs: Mapping[str, Any], ranks: int = 1) -> dict[str, Any]:
    """Name everything that makes a run, so that its resumption can be compared with it.

    Args:
        config: All settings.
        inputs: Digests of everything that the run reads.
        ranks: How many processes train together.
    """
    settings = config.model_dump(mode="json")
    for free in ("checkpoint_minutes", "device", "document_folds"):
        del settings["training"][free]
    return {"settings": {**settings, "ranks": ranks}, **inputs}


def may_change(key: str, saved: Any, now: Any) -> bool:
    """Whether a resumed run may have another value of a setting.

    Threads and ranks may differ, and there may be more epochs.
    """
    if key == "settings.training.epochs":
        return isinstance(saved, int) and isinstance(now, int) and now > saved
    return key in ("settings.training.threads", "settings.ranks")


def differences(
    saved: Mapping[str, Any], now: Mapping[str, Any]
) -> dict[str, tuple[Any, Any, str]]:
    """Compare two identities.

    Returns:
        For each dotted key whose values differ: both values, and the difference in words.
    """
    # As JSON returns it: with lists for tuples.
    old, new = (_flattened(json.loads(json.dumps(facts))) for facts in (saved, now))
    changed = [key for key in old | new if old.get(key) != new.get(key)]
    return {
        key: (old.get(key), new.get(key), _in_words(key, old.get(key), new.get(key)))
        for key in changed
    }


def _flattened(facts: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested facts by their dotted keys."""
    found: dict[str, Any] = {}
    for name, value in facts.items():
        inner = _flattened(value, f"{prefix}{name}.") if isinstance(value, Mapping) else {}
        found |= inner or {prefix + name: value}
    return found


def _in_words(key: str, saved: Any, now: Any) -> str:
    """Say what differs: a setting with both values, or the content of something that was read."""
    group, _, name = key.partition(".")
    if group == "settings":
        return f"{name} {short(now)} instead of {short(saved)}"
    content = f"{name.partition('.')[0]} {group}" if name else group
    return f"other content of {content}"
