"""Download CoNLL-2003 (English) with `datasets`, and write eng.train, eng.testa and eng.testb.

python scripts/prepare_conll2003.py --out data/conll2003

The columns are those of the release: token, part of speech, chunk and entity. The two in the middle
are left out if the source lacks them.
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
MIDDLE_COLUMNS = ("pos_tags", "chunk_tags")


def main(arguments: Sequence[str] | None = None) -> None:
    """Download all splits, then write all files."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--source",
        default=SOURCE,
        help="name on the Hugging Face Hub, or folder of a saved data set (%(default)s)",
    )
    parser.add_argument(
        "--out", type=Path, default=Path(), help="folder to write to (the current one)"
    )
    options = parser.parse_args(arguments)
    try:
        # All splits are read and checked before anything is written.
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
    """Explain what to do without a network."""
    if Path(source).is_dir():
        return ""
    return (
        "Without a network, download it elsewhere with datasets.load_dataset and save_to_disk, "
        "copy the folder, and pass it as --source."
    )


def rows(sentences: Iterable[Sentence], source: str) -> Iterator[str]:
    """Yield the lines of a column file, with a boundary wherever the document changes."""
    document: str | None = None
    for sentence in sentences:
        tags = next((c for c in TAG_LIST_NAMES if c in sentence.columns), None)
        if tags is None:
            raise DataError(
                f"{source}: must have a column of tags. Got {' '.join(sentence.columns)}."
            )
        names = [*(name for name in MIDDLE_COLUMNS if name in sentence.columns), tags]
        if sentence.document != document:
            document = sentence.document
            yield " ".join([DOCUMENT_BOUNDARY, *("-X-" for _ in names[1:]), "O"])
            yield ""
        for row in zip(sentence.tokens, *(sentence.columns[n] for n in names), strict=True):
            if any(not cell or any(c in " \t\n" for c in cell) for cell in row):
                raise DataError(f"{sentence.source}: columns must not contain spaces. Got {row}.")
            yield " ".join(row)
        yield ""


if __name__ == "__main__":
    main()
