"""Fetch CoNLL-2003 (English) through `datasets`, and write eng.train, eng.testa and eng.testb.

python scripts/prepare_conll2003.py --out data/conll2003

The columns are those of the release: token, part of speech, chunk, entity; the two in the middle
only where the source has them.
"""

import argparse
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from ner.data.formats.columns import DOCUMENT_BOUNDARY, TAG_LIST_NAMES
from ner.data.formats.huggingface import read_hub
from ner.data.sentence import Sentence
from ner.errors import DataError, NerError

SOURCE = "lhoestq/conll2003"
FILES = {"train": "eng.train", "validation": "eng.testa", "test": "eng.testb"}
BETWEEN = ("pos_tags", "chunk_tags")


def main(arguments: Sequence[str] | None = None) -> None:
    """Fetch all splits, then write all files."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--source",
        default=SOURCE,
        help="a name on the hub, or a folder of `datasets` (%(default)s)",
    )
    parser.add_argument("--out", type=Path, default=Path(), help="folder of the files (here)")
    options = parser.parse_args(arguments)
    try:
        # Nothing is written before everything is read and checked.
        splits = {name: list(read_hub(options.source, split)) for split, name in FILES.items()}
        texts = {
            name: "".join(f"{row}\n" for row in rows(sentences, options.source))
            for name, sentences in splits.items()
        }
        options.out.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            beside = options.out / f".{name}.new"
            beside.write_text(text, encoding="utf-8")
            beside.replace(options.out / name)
            print(f"{options.out / name}: {len(splits[name])} sentences")
    except NerError as error:
        sys.exit(f"{error} {hint(options.source)}".strip())
    except OSError as error:
        sys.exit(f"{options.out}: {error.strerror}.")


def hint(source: str) -> str:
    """Say what to do offline."""
    if Path(source).is_dir():
        return ""
    return (
        "Without a network: fetch it elsewhere with datasets.load_dataset and save_to_disk, copy "
        "the folder, and give it as --source."
    )


def rows(sentences: Iterable[Sentence], source: str) -> Iterator[str]:
    """Give the lines of a column file, a boundary wherever the document changes."""
    document: str | None = None
    for sentence in sentences:
        tags = next((c for c in TAG_LIST_NAMES if c in sentence.columns), None)
        if tags is None:
            raise DataError(f"{source}: a column of tags. Got {' '.join(sentence.columns)}.")
        names = [*(name for name in BETWEEN if name in sentence.columns), tags]
        if sentence.document != document:
            document = sentence.document
            yield " ".join([DOCUMENT_BOUNDARY, *("-X-" for _ in names[1:]), "O"])
            yield ""
        for row in zip(sentence.tokens, *(sentence.columns[n] for n in names), strict=True):
            if any(not cell or any(c in " \t\n" for c in cell) for cell in row):
                raise DataError(f"{sentence.source}: columns hold no blanks. Got {row}.")
            yield " ".join(row)
        yield ""


if __name__ == "__main__":
    main()
