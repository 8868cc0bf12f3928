"""One unit of work: its rows are read, tagged and written as one file."""

from collections.abc import Generator, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field

from ner.bulk.places import Place
from ner.bulk.reading import Block, read_blocks, record_types
from ner.bulk.shards import ShardFolder
from ner.bulk.summary import Shard
from ner.bulk.units import Unit
from ner.bulk.writing import open_writer
from ner.choices import BulkOutput, OnRowError
from ner.errors import DataError, NerError
from ner.inference.predictor import Predictor
from ner.inference.rows import RowResults, RowTagger, error_text

# Rows of a unit: the first one, and the one after the last, counted from 0.
Rows = tuple[int, int]


@dataclass(frozen=True)
class Done:
    """The end of an attempt; `failure` says why there are no results, or is None."""

    failure: str | None


# What an attempt says of itself.
Message = Rows | Done


@dataclass(frozen=True)
class Job:
    """What is the same for all units.

    Args:
        tagger: Tags texts.
        digest: The digest of the model, which must not change meanwhile.
        text: The column of texts.
        keep: The columns that results have, too; None for all.
        out: The folder of results, as a URL or a path.
        output: The format of the results.
        on_error: Whether a row that fails gets an error, or ends the run.
    """

    tagger: RowTagger
    digest: str
    text: str
    keep: tuple[str, ...] | None
    out: str
    output: BulkOutput
    on_error: OnRowError

    @property
    def folder(self) -> ShardFolder:
        """The folder of results."""
        return ShardFolder(Place.find(self.out), self.output)

    def open(self) -> Predictor:
        """Open the model.

        Raises:
            DataError: It is another one than at the start.
        """
        found = self.tagger.predictor
        if found.origin is None or found.origin.digest != self.digest:
            raise DataError(f"{self.tagger.model}: must stay as it is. Got another model.")
        return found


@dataclass(frozen=True)
class Caution:
    """What is known about a unit that ended its process before.

    Args:
        alone: Rows to tag one by one, so that the one is found that ends its process.
        killers: Rows that do, by their number in the unit, with what happened.
    """

    alone: frozenset[Rows] = frozenset()
    killers: dict[int, str] = field(default_factory=dict)


def attempt(unit: Unit, job: Job, caution: Caution) -> Iterator[Message]:
    """Tag a unit, and write its results.

    Args:
        unit: The unit.
        job: What is the same for all units.
        caution: What is known about it.

    Yields:
        The rows that are tagged next, each time; at last `Done`.
    """
    failure = None
    try:
        yield from _tag_unit(unit, job, caution)
    except NerError as error:
        failure = str(error)
    except Exception as error:
        failure = f"{unit.source.name}: {error_text(error)}"
    yield Done(failure)


def _tag_unit(unit: Unit, job: Job, caution: Caution) -> Iterator[Rows]:
    """Tag a unit, and write its results; yield the rows that are tagged next.

    Raises:
        DataError: The file cannot be read; or a row fails and `on_error` is "raise".
        OSError: The results cannot be written.
    """
    task, folder = job.open().task, job.folder
    yield from _try_alone(unit, job, caution)
    types = record_types(unit, job.text, job.keep) if job.output == "parquet" else {}
    rows = tokens = errors = 0
    places: list[str] = []
    with folder.file(unit).appearing() as file:
        with ExitStack() as stack:
            writer = open_writer(job.output, file, task, types, stack)
            for block in read_blocks(unit, job.text, job.keep):
                results = yield from _tag_block(block, rows, job, caution)
                writer.write(block, results)
                places += [
                    block.places[row - rows]
                    for row in caution.killers
                    if rows <= row < rows + len(block.texts)
                ]
                rows += len(block.texts)
                tokens += results.num_tokens
                errors += sum(error is not None for error in results.errors)
        shard = Shard(unit.source.name, unit.part, rows, tokens, errors, tuple(places))
        folder.write_facts(unit, shard)


def _try_alone(unit: Unit, job: Job, caution: Caution) -> Iterator[Rows]:
    """Tag rows by themselves that need caution, before anything else of the unit; yield each first.

    So the rest of a unit is not tagged once for each end of its process.
    """
    first, last = 0, max((stop for _, stop in caution.alone), default=0)
    for block in read_blocks(unit, job.text, job.keep) if last else ():
        texts = _readable(block, first, caution)
        for row in _rows_alone(first, len(texts), caution):
            yield row, row + 1
            job.tagger([texts[row - first]])
        first += len(texts)
        if first >= last:
            return


def _readable(block: Block, first: int, caution: Caution) -> list[str | None]:
    """Return the texts of a block, without those that cannot be read or end their process."""
    return [
        None if error or first + i in caution.killers else text
        for i, (text, error) in enumerate(zip(block.texts, block.errors, strict=True))
    ]


def _rows_alone(first: int, count: int, caution: Caution) -> list[int]:
    """List those of some rows that are tagged by themselves, in order."""
    stop = first + count
    return sorted({row for a, b in caution.alone for row in range(max(a, first), min(b, stop))})


def _tag_block(
    block: Block, first: int, job: Job, caution: Caution
) -> Generator[Rows, None, RowResults]:
    results = RowResults()
    texts = _readable(block, first, caution)
    for start, stop in _pieces(first, len(texts), caution):
        yield start, stop
        results.extend(job.tagger(texts[start - first : stop - first]))
    for i, place in enumerate(block.places):
        error = block.errors[i] or results.errors[i] or caution.killers.get(first + i)
        if error is not None and job.on_error == "raise":
            raise DataError(error if error.startswith(place) else f"{place}: {error}")
        results.errors[i] = error
    return results


def _pieces(first: int, count: int, caution: Caution) -> Iterator[Rows]:
    """Cut rows into those that are tagged together, in order."""
    start = first
    for row in _rows_alone(first, count, caution):
        if start < row:
            yield start, row
        yield row, row + 1
        start = row + 1
    if start < first + count:
        yield start, first + count
