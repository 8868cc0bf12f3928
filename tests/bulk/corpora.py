"""Files of texts for tests, and their results."""

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

import ner

TEXTS = ["Awa Badjie was born in Ziguinchor.", "", "Nothing happened here.", "Bob met Eve."]


def rows(count, first=0):
    """Make records with an id and a text."""
    return [{"id": i, "text": f"{TEXTS[i % 4]}"} for i in range(first, first + count)]


def write_parquet(path, records, group=5):
    """Write records as a parquet file with small row groups."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(records), path, row_group_size=group)
    return path


def write_lines(path, lines):
    """Write lines, packed as the ending tells."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = "".join(f"{line}\n" for line in lines).encode()
    if path.suffix == ".gz":
        content = gzip.compress(content)
    if path.suffix == ".zst":
        content = zstandard.compress(content)
    path.write_bytes(content)
    return path


def write_jsonl(path, records):
    """Write records as JSON lines."""
    return write_lines(path, map(json.dumps, records))


def shards(out, ending="parquet"):
    """List the files of results in order."""
    return sorted(Path(out).glob(f"[0-9a-f]*.{ending}"))


def results(out):
    """Read all results, in the order of the names of files."""
    found = [row for path in shards(out) for row in pq.ParquetFile(path).read().to_pylist()]
    for path in shards(out, "jsonl"):
        found += map(json.loads, path.read_text(encoding="utf-8").splitlines())
    return found


def expected(model, records, **options):
    """Return records with the entities that a model finds in them."""
    docs = ner.load(model)([record["text"] for record in records], **options)
    names = ("start", "end", "label", "score")
    return [
        {
            **record,
            "entities": [{n: getattr(e, n) for n in names} for e in doc.entities],
            "error": None,
        }
        for record, doc in zip(records, docs, strict=True)
    ]
