"""The folder of results: one file for each unit of work, and what is known about all of them.

<digests>.parquet          the results of a unit
_shards/<digests>.json     what the unit was, and how many rows, tokens and errors it had
_ner.json                  the model and the settings of all results
_summary.json              the sum over all units
_SUCCESS                   an empty file, which is there if nothing is missing
"""

import json
import re
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from ner.bulk.places import Place
from ner.bulk.summary import Shard, Summary
from ner.bulk.units import READERS, Unit, source_digest
from ner.choices import BulkOutput
from ner.errors import ConfigError, DataError

SETTINGS, SUMMARY, SUCCESS, FACTS = "_ner.json", "_summary.json", "_SUCCESS", "_shards"
FORMAT = 1

# Names of results, and of what was not finished of them.
NAME = re.compile(r"(?P<source>[0-9a-f]{16})-[0-9]{5,}-[0-9a-f]{8}\.(parquet|jsonl)")
UNFINISHED = re.compile(rf"\.({NAME.pattern}|_\w+(\.json)?|[0-9a-f-]+\.json)\.[0-9a-f]{{32}}")


@dataclass(frozen=True)
class ShardFolder:
    """A folder of results.

    Args:
        place: The folder.
        output: The format of the results.
    """

    place: Place
    output: BulkOutput

    def file(self, unit: Unit) -> Place:
        """Return where the results of a unit are."""
        return self.place / f"{unit.name}.{self.output}"

    def facts(self, unit: Unit) -> Place:
        """Return where the facts about these results are, which are written before them."""
        return self.place / FACTS / f"{unit.name}.json"

    def begin(self, settings: Mapping[str, Any], *, overwrite: bool) -> None:
        """Note the model and the settings of all results.

        Args:
            settings: What results depend on, as JSON can hold it.
            overwrite: Whether results that are there are removed.

        Raises:
            ConfigError: The folder holds results of other settings, or something else.
        """
        names = {self._name(file.path) for file in self.place.files(is_deep=False)}
        if overwrite:
            self._clear(names)
        content = (self.place / SETTINGS).read()
        if content is not None:
            self._compare(content, settings)
        elif not overwrite and names:
            raise ConfigError(
                f"{self.place.name}: must be empty, or hold earlier results. Got other files, such "
                f"as {min(names)}."
            )
        else:
            (self.place / SETTINGS).write(_json({"format": FORMAT, **settings}))
        (self.place / SUCCESS).remove()

    def present(self, units: Sequence[Unit]) -> set[str]:
        """Return the names of units whose results are there.

        Raises:
            ConfigError: There are results of a source that was changed since.
        """
        found = {self._name(file.path) for file in self.place.files(is_deep=False)}
        planned = {f"{unit.name}.{self.output}": unit for unit in units}
        sources = {source_digest(unit.source.name): unit.source.name for unit in units}
        for name in sorted(found - planned.keys()):
            shard = NAME.fullmatch(name)
            if shard and shard["source"] in sources:
                raise ConfigError(
                    f"{sources[shard['source']]}: must be as it was for the results in "
                    f"{self.place.name}. Got a file that was changed. Use --overwrite, or another "
                    "folder."
                )
        return {unit.name for name, unit in planned.items() if name in found}

    def write_facts(self, unit: Unit, shard: Shard) -> None:
        """Write what is known about the results of a unit."""
        self.facts(unit).write(_json(shard.to_dict()))

    def finish(self, units: Sequence[Unit], present: int, failed: Mapping[str, str]) -> Summary:
        """Add up what is there, and write it.

        Args:
            units: All units.
            present: How many of them were there before.
            failed: Why a unit has no results, by its name.
        """
        done = [unit for unit in units if unit.name not in failed]
        with ThreadPoolExecutor(READERS) as pool:
            shards = list(pool.map(self._shard, done))
        summary = Summary.of(shards, present, failed)
        (self.place / SUMMARY).write(_json(summary.to_dict()))
        if not failed:
            (self.place / SUCCESS).write(b"")
        if self.place.is_local:
            self._remove_unfinished()
        return summary

    def _shard(self, unit: Unit) -> Shard:
        try:
            return Shard.from_dict(json.loads(self.facts(unit).read() or b""))
        except (ValueError, KeyError, TypeError):
            raise DataError(
                f"{self.facts(unit).name}: must hold facts about the results. Got something else. "
                "Use --overwrite."
            ) from None

    def _compare(self, content: bytes, settings: Mapping[str, Any]) -> None:
        try:
            known = dict(json.loads(content))
        except (ValueError, TypeError):
            known = {}
        if known.pop("format", FORMAT) != FORMAT:
            raise ConfigError(f"{self.place.name}: {SETTINGS} is of a newer version. Upgrade.")
        for name in sorted({*known, *settings}):
            if known.get(name) != settings.get(name):
                raise ConfigError(
                    f"{self.place.name}: must hold results with {name} {_short(known.get(name))}, "
                    f"as all that are there. Got {_short(settings.get(name))}. Use --overwrite, or "
                    "another folder."
                )

    def _clear(self, names: Collection[str]) -> None:
        for name in sorted({SUCCESS, SUMMARY} & set(names)):
            (self.place / name).remove()
        for name in filter(NAME.fullmatch, sorted(names)):
            (self.place / name).remove()
        for file in (self.place / FACTS).files(is_deep=False):
            self.place.within(file.path).remove()
        (self.place / SETTINGS).remove()

    def _remove_unfinished(self) -> None:
        """Remove what killed processes left."""
        for folder in (self.place, self.place / FACTS):
            for file in folder.files(is_deep=False):
                if UNFINISHED.fullmatch(self._name(file.path)):
                    folder.within(file.path).remove()

    @staticmethod
    def _name(path: str) -> str:
        return path.rpartition("/")[2]


def _json(content: Any) -> bytes:
    return (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode(
        "utf-8", "surrogatepass"
    )


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 40 else text[:19] + "…" + text[-19:]
