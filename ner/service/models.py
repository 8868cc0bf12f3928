"""The models of a service: by name, each with its queue; replaced while the service runs."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any, NamedTuple

from ner.data.sentence_splitter import SentenceSplitter
from ner.errors import ConfigError, NerError, suggestion
from ner.files import MANIFEST, sha256
from ner.inference.predictor import Predictor
from ner.installed import model_folder
from ner.messages import tell
from ner.rules.rules import Rules, files_of
from ner.service.errors import ServiceError
from ner.service.jobs import ModelJob, compute
from ner.service.metrics import Metrics
from ner.service.micro_batches import MicroBatches
from ner.service.schemas import ClassifyRequest, TagRequest
from ner.service.settings import Settings

# What a model gets before it is ready, so that the first request finds it warm.
WARM_UP = "Ada Lovelace was born in London."

# A folder whose name says nothing: that of the run is better.
COMMON_NAME = "model"

Load = Callable[[str], Predictor]


class FolderState(NamedTuple):
    """How a model folder is at a moment.

    Args:
        manifest: What identifies the model: its manifest has the digests of all files, and is
            replaced with them. "" if it cannot be read.
        files: What identifies the state of the folder: names, sizes and times of all files. A
            folder that somebody copies has many states until it is whole.
        rules: What identifies the file of rules and the files of words that it names; "" without
            rules.
    """

    manifest: str
    files: str
    rules: str

    def holds_same(self, other: "FolderState") -> bool:
        """Whether the model and its rules are those of another moment."""
        return (self.manifest, self.rules) == (other.manifest, other.rules)


@dataclass(frozen=True)
class ServedModel:
    """A model and what waits for it.

    Args:
        name: Its name in requests.
        predictor: The model.
        batches: Runs it.
        settings: The limits of requests.
        state: What identifies the files that it was read from, see `state_of`.
        rules: What it obeys; or None.
    """

    name: str
    predictor: Predictor
    batches: MicroBatches
    settings: Settings
    state: FolderState
    rules: Rules | None

    @property
    def digest(self) -> str:
        """The digest of its files."""
        origin = self.predictor.origin
        return origin.digest if origin else ""

    async def answer(
        self, request: TagRequest | ClassifyRequest, *, is_only: bool = False
    ) -> dict[str, Any]:
        """Answer a request, together with others that wait.

        Args:
            request: The request.
            is_only: Whether the service has no other one.

        Raises:
            ServiceError: It cannot be answered.
        """
        rules = self.rules if isinstance(request, TagRequest) and request.rules else None
        job = ModelJob(request, self.predictor, self.settings.max_tokens, rules)
        return {"model": self.name, **await self.batches.run(job, is_only=is_only)}


class Models(Mapping[str, ServedModel]):
    """The models of a service by name; the first one is for requests that name none.

    Args:
        sources: What to load for each name.
        load: Loads a model.
        settings: The limits of the service.
        metrics: Counts what the models do.
        batches: The class of what runs a model.

    Raises:
        ConfigError: There are rules, but no model that finds entities.
        NerError: A model or the rules cannot be loaded, or do not go together.
    """

    def __init__(
        self,
        sources: Mapping[str, str],
        load: Load,
        settings: Settings,
        metrics: Metrics,
        batches: type[MicroBatches] = MicroBatches,
    ) -> None:
        self._sources, self._load = dict(sources), load
        self._settings, self._metrics, self._batches = settings, metrics, batches
        self._served: dict[str, ServedModel] = {}
        for name in self._sources:
            self._served[name] = self._open(name)
        if settings.rules is not None and all(each.rules is None for each in self.values()):
            raise ConfigError(
                "--rules: must be for a model that finds entities. Got none that does."
            )
        states = {name: model.state for name, model in self._served.items()}
        self._seen, self._tried = states, states.copy()
        self._is_reloading = asyncio.Lock()

    def __getitem__(self, name: str) -> ServedModel:
        return self._served[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._served)

    def __len__(self) -> int:
        return len(self._served)

    @property
    def default(self) -> ServedModel:
        """The model for requests that name none."""
        return next(iter(self._served.values()))

    @property
    def are_full(self) -> bool:
        """Whether a further request would be refused, whatever its model."""
        return all(model.batches.is_full for model in self.values())

    def choose(self, name: str | None, verb: str) -> ServedModel:
        """Return the model that a request is for.

        Args:
            name: Its name; None for the first one that fits.
            verb: What it must do: tag or classify.

        Raises:
            ServiceError: There is no such model, or it does something else.
        """
        if name is None:
            fitting = [each for each in self.values() if each.predictor.task.verb == verb]
            if fitting:
                return fitting[0]
            raise ServiceError(422, "wrong_task", f"model: must {verb}. No model here does.")
        if name not in self:
            raise ServiceError(
                404,
                "unknown_model",
                f"model: must be one of {', '.join(self)}. Got another name."
                f"{suggestion(name, self)}",
            )
        task = self[name].predictor.task
        if task.verb != verb:
            raise ServiceError(
                422,
                "wrong_task",
                f"model: must {verb}. Got one that {task.does}: use /v1/{task.verb}.",
            )
        return self[name]

    def close(self) -> None:
        """End the threads of all models when their work is done."""
        for model in self.values():
            model.batches.close()

    @cached_property
    def _splitter(self) -> SentenceSplitter:
        return SentenceSplitter()

    def _open(self, name: str) -> ServedModel:
        """Read a model and its rules; if the model is the old one, only the rules."""
        state, old = self._state_of(name), self._served.get(name)
        if old is not None and old.state.manifest != state.manifest:
            old = None
        predictor = self._load(self._sources[name]) if old is None else old.predictor
        rules = self._rules_for(predictor)
        for _ in predictor.pipe([WARM_UP], rules=rules):
            pass
        batches = self._batches_for(name) if old is None else old.batches
        return ServedModel(name, predictor, batches, self._settings, state, rules)

    def _state_of(self, name: str) -> FolderState:
        return state_of(self._sources[name], self._settings.rules)

    def _rules_for(self, predictor: Predictor) -> Rules | None:
        """Read the rules for a model; None if it finds no entities.

        Raises:
            ConfigError: They cannot be read, or have a label that the model lacks.
        """
        if self._settings.rules is None or predictor.task.empty.spans is None:
            return None
        rules = Rules.load(self._settings.rules)
        predictor.check_rules(rules)
        return rules

    def _batches_for(self, name: str) -> MicroBatches:
        return self._batches(
            partial(compute, split=lambda: self._splitter),
            name=f"ner-{name}",
            batch_tokens=self._settings.batch_tokens,
            max_queue=self._settings.max_queue,
            inline_seconds=self._settings.inline_seconds,
            watch=partial(self._metrics.count_batch, name),
        )

    async def reload(self, *, only_new: bool = False) -> None:
        """Replace each model whose folder or rules are other ones; the old one finishes its work.

        What cannot be loaded leaves the old model and its rules in their place, and a line says so.

        Args:
            only_new: Whether to pass over files that were tried already as they are now, and those
                that are not as they were at the last look: they are still being written.
        """
        async with self._is_reloading:
            for name in self._sources:
                state = await asyncio.to_thread(self._state_of, name)
                seen, self._seen[name] = self._seen[name], state
                if state.holds_same(self[name].state):
                    continue
                if only_new and (state == self._tried[name] or state != seen):
                    continue
                self._tried[name] = state
                await self._replace(name, state)

    async def _replace(self, name: str, state: FolderState) -> None:
        old = self[name]
        try:
            new = await asyncio.to_thread(self._open, name)
        except Exception as error:
            self._metrics.count_reload(name, "failed")
            reason = error if isinstance(error, NerError) else type(error).__name__
            kept = "model cannot be used, and the old one stays"
            if state.manifest == old.state.manifest:
                kept = "rules cannot be used, and the old ones stay"
            tell(f"Warning: {name}: the new {kept}. {reason}")
            return
        self._served[name] = new
        self._metrics.count_reload(name, "done")
        if new.batches is old.batches:
            tell(f"{name}: the new rules are in use.")
            return
        old.batches.close()
        tell(f"{name}: the model {new.digest[:12]} takes the place of {old.digest[:12]}.")


def state_of(source: str, rules: Path | None) -> FolderState:
    """Return how the folder of a model, and its file of rules, are now."""
    manifest, files = "", ""
    with suppress(NerError, OSError):
        folder = model_folder(source)
        files = _look_at(sorted(folder.rglob("*")))
        manifest = sha256([(folder / MANIFEST).read_bytes()])
    return FolderState(manifest, files, "" if rules is None else _look_at(files_of(rules)))


def _look_at(paths: Iterable[Path]) -> str:
    """Return what identifies the names, sizes and times of files, of which some may be missing."""
    seen: list[tuple[str, int, int]] = []
    for path in paths:
        with suppress(OSError):
            status = path.stat()
            seen.append((str(path), status.st_size, status.st_mtime_ns))
    return sha256([repr(seen).encode()])


def name_models(arguments: Sequence[str]) -> dict[str, str]:
    """Name the models of a command line.

    Args:
        arguments: What `ner.load` takes, each perhaps after a name and an equals sign.

    Returns:
        What to load, by name: the name of an installed model or of a folder, or that of the folder
        around it if it is called `model`.

    Raises:
        ConfigError: Two models have the same name.

    >>> name_models(["en", "runs/names/model", "best=runs/topics/model"])
    {'en': 'en', 'names': 'runs/names/model', 'best': 'runs/topics/model'}
    """
    named: dict[str, str] = {}
    for argument in arguments:
        given, sign, source = argument.partition("=")
        name = given
        if not sign or "/" in given:
            source = argument
            name = _own_name(source)
        if name in named:
            raise ConfigError(
                f"MODEL: must have different names. Got {name!r} twice. Name one: NAME={source}."
            )
        named[name] = source
    return named


def _own_name(source: str) -> str:
    path = Path(source).absolute() if source in (".", "..") else Path(source)
    name = path.parent.name if path.name == COMMON_NAME else path.name
    return name.partition("@")[0] or COMMON_NAME
