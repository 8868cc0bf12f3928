"""The models of a service: by name, each with its queue; replaced while the service runs."""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
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
    """

    manifest: str
    files: str


@dataclass(frozen=True)
class ServedModel:
    """A model and what waits for it.

    Args:
        name: Its name in requests.
        predictor: The model.
        batches: Runs it.
        settings: The limits of requests.
        state: What identifies the files that it was read from, see `state_of`.
    """

    name: str
    predictor: Predictor
    batches: MicroBatches
    settings: Settings
    state: FolderState

    @property
    def digest(self) -> str:
        """The digest of its files."""
        origin = self.predictor.origin
        return origin.digest if origin else ""

    async def answer(self, request: TagRequest | ClassifyRequest) -> dict[str, Any]:
        """Answer a request, together with others that wait.

        Raises:
            ServiceError: It cannot be answered.
        """
        job = ModelJob(request, self.predictor, self.settings.max_tokens)
        return {"model": self.name, **await self.batches.run(job)}


class Models(Mapping[str, ServedModel]):
    """The models of a service by name; the first one is for requests that name none.

    Args:
        sources: What to load for each name.
        load: Loads a model.
        settings: The limits of the service.
        metrics: Counts what the models do.
        batches: The class of what runs a model.

    Raises:
        NerError: A model cannot be loaded.
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
        self._served = {name: self._open(name) for name in self._sources}
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
        state = state_of(self._sources[name])
        predictor = self._load(self._sources[name])
        for _ in predictor.pipe([WARM_UP]):
            pass
        batches = self._batches(
            partial(compute, split=lambda: self._splitter),
            name=f"ner-{name}",
            batch_tokens=self._settings.batch_tokens,
            max_queue=self._settings.max_queue,
            inline_seconds=self._settings.inline_seconds,
            watch=partial(self._metrics.count_batch, name),
        )
        return ServedModel(name, predictor, batches, self._settings, state)

    async def reload(self, *, only_new: bool = False) -> None:
        """Replace each model whose folder holds another one; the old one finishes its work.

        A model that cannot be loaded leaves the old one in its place, and a line says so.

        Args:
            only_new: Whether to pass over a folder that was tried already as it is now, and one
                that is not as it was at the last look: it is still being written.
        """
        async with self._is_reloading:
            for name, source in self._sources.items():
                state = await asyncio.to_thread(state_of, source)
                seen, self._seen[name] = self._seen[name], state
                if state.manifest == self[name].state.manifest:
                    continue
                if only_new and (state == self._tried[name] or state != seen):
                    continue
                self._tried[name] = state
                await self._replace(name)

    async def _replace(self, name: str) -> None:
        old = self[name]
        try:
            new = await asyncio.to_thread(self._open, name)
        except Exception as error:
            self._metrics.count_reload(name, "failed")
            reason = error if isinstance(error, NerError) else type(error).__name__
            tell(f"Warning: {name}: the new model cannot be used, and the old one stays. {reason}")
            return
        self._served[name] = new
        old.batches.close()
        self._metrics.count_reload(name, "done")
        tell(f"{name}: the model {new.digest[:12]} takes the place of {old.digest[:12]}.")


def state_of(source: str) -> FolderState:
    """Return how the folder of a model is now."""
    manifest, files = "", ""
    with suppress(NerError, OSError):
        folder = model_folder(source)
        found = [(str(path), path.stat()) for path in sorted(folder.rglob("*"))]
        files = sha256([repr([(p, s.st_size, s.st_mtime_ns) for p, s in found]).encode()])
        manifest = sha256([(folder / MANIFEST).read_bytes()])
    return FolderState(manifest, files)


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
