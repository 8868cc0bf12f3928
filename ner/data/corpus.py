"""A corpus by its name: whatever form it has, a list of sentences comes out."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from importlib import resources
from pathlib import Path

from ner.data.conll import read_conll
from ner.data.hub import read_hub
from ner.data.jsonl import Tokenize, read_jsonl
from ner.data.lines import check_file, is_folder, read_lines, short
from ner.data.sentence import Sentence
from ner.data.tokenizer import Tokenizer
from ner.errors import DataError

SAMPLE_SPLITS = ("train", "dev", "test")
CorpusSource = str | Path | Sequence[Sentence]


def read_sentences(
    source: CorpusSource,
    *,
    split: str = "train",
    columns: Sequence[str] | None = None,
    tokenize: Tokenize | None = None,
    hub_tokens: str | None = None,
    hub_tags: str | None = None,
    problems: list[DataError] | None = None,
) -> list[Sentence]:
    """Read a corpus; sentences without tokens are left out.

    Args:
        source: Sentences; or "sample:train", "sample:dev", "sample:test" for the sample that comes
            with the package; "hub:NAME" or "hub:NAME:SPLIT"; a folder or a *.parquet file of
            `datasets`; a *.jsonl file; any other file, or "-" for standard input, has columns.
        split: The part of a data set with parts, where `source` does not say it.
        columns: The names of a column file's columns, as for `read_conll`.
        tokenize: What cuts the raw text of JSON lines; by default `Tokenizer()`.
        hub_tokens: A data set's column of tokens, as for `read_hub`.
        hub_tags: A data set's column of tags, as for `read_hub`.
        problems: Where to put the errors of sentences that cannot be read, which are left out;
            None raises the first one.

    Raises:
        DataError: It cannot be read, or holds no sentences.
    """
    found: Iterable[Sentence]
    if not isinstance(source, str | Path):
        if not isinstance(source, Sequence):
            raise DataError(f"sentences: a list of Sentence, or a name. Got {short(source)}.")
        for sentence in source:
            if not isinstance(sentence, Sentence):
                raise DataError(f"sentences: a list of Sentence. Got {short(sentence)}.")
        found, name = source, "sentences"
    else:
        name = "stdin" if str(source) == "-" else str(source)
        scheme, _, rest = name.partition(":")
        if scheme == "sample":
            found = read_conll(read_lines(_sample(rest)), name, columns)
        elif scheme == "hub":
            repository, _, part = rest.partition(":")
            found = read_hub(repository, part or split, hub_tokens, hub_tags, problems)
        elif is_folder(Path(source)) or name.endswith(".parquet"):
            found = read_hub(source, split, hub_tokens, hub_tags, problems)
        elif name.endswith(".jsonl"):
            found = read_jsonl(read_lines(source), name, tokenize or Tokenizer(), problems)
        else:
            found = read_conll(read_lines(source), name, columns, problems=problems)
    sentences = [sentence for sentence in found if sentence.tokens]
    if not sentences:
        skipped = f" {len(problems)} could not be read." if problems else ""
        raise DataError(f"{name}: no sentences.{skipped} At least one is needed.")
    return sentences


def file_digest(source: CorpusSource) -> str | None:
    """Give the SHA-256 of a corpus in hexadecimal digits, or None where there is nothing to hash.

    A folder counts with the names of its files. Data sets on the hub and standard input have none.

    Raises:
        DataError: There is no such file.
    """
    digest = hashlib.sha256()
    if not isinstance(source, str | Path):
        for sentence in source:
            known = [sentence.tokens, sentence.spans, sentence.labels, dict(sentence.columns)]
            digest.update(json.dumps(known).encode("ascii") + b"\n")
        return digest.hexdigest()
    scheme, _, rest = str(source).partition(":")
    if scheme == "hub" or str(source) == "-":
        return None
    path = _sample(rest) if scheme == "sample" else Path(source)
    if not is_folder(path):
        return _sha256(path)
    for file in sorted(file for file in path.rglob("*") if file.is_file()):
        digest.update(f"{file.relative_to(path).as_posix()!a} {_sha256(file)}\n".encode("ascii"))
    return digest.hexdigest()


def _sha256(path: Path) -> str:
    check_file(path)
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sample(split: str) -> Path:
    if split not in SAMPLE_SPLITS:
        raise DataError(f"sample: its splits are {' '.join(SAMPLE_SPLITS)}. Got {split!r}.")
    return Path(str(resources.files("ner.data"))) / "sample" / f"{split}.conll"
