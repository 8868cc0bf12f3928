"""Read corpora whose labels differ as one, as a file in TOML says: see `corpora.toml`."""

import itertools
import tomllib
import zlib
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ner import Sentence, read_sentences
from ner.data.schemes import Span, tag_set, tags_from_spans
from ner.errors import ConfigError, DataError

HELD_OUT = 0.1
SEED = 7  # of the documents that are held out; it is not that of training
NEW_DOCUMENT = "# newdoc"

# What a label may mean: one label of the model, or one of several, O among them or not.
Meaning = str | Sequence[str]


@dataclass(frozen=True)
class Corpus:
    """A corpus, and what its labels mean.

    Args:
        name: Its name for people.
        files: Its files: names of the sample corpus, or paths.
        licence: Its licence.
        source: Who made it.
        types: The meaning of each of its labels.
        open: Labels of the model that it does not mark.
        columns: Its columns, where they have to be named.
    """

    name: str
    files: Sequence[str]
    licence: str
    source: str
    types: Mapping[str, Meaning]
    open: Sequence[str] = ()
    columns: Sequence[str] | None = None

    @property
    def certain(self) -> frozenset[str]:
        """The labels that it marks wherever they are, so that scores may be counted."""
        doubtful = {label for m in self.types.values() if not isinstance(m, str) for label in m}
        found = {label for label in self.types.values() if isinstance(label, str)}
        return frozenset(found - doubtful - set(self.open))


@dataclass
class Split:
    """The sentences of a corpus: those to learn from, and those held out.

    Args:
        corpus: The corpus.
        train: Sentences to learn from, with spans or with `allowed` tags.
        held_out: Sentences of other documents, with the spans of the corpus' `certain` labels.
    """

    corpus: Corpus
    train: list[Sentence] = field(default_factory=list)
    held_out: list[Sentence] = field(default_factory=list)


@dataclass(frozen=True)
class Sources:
    """All corpora, and where they are.

    Args:
        corpora: The corpora.
        vectors: The file of word vectors; None if there is none.
        folders: Where files are looked for, first to last.
    """

    corpora: Sequence[Corpus]
    vectors: Path | None
    folders: Sequence[Path]

    @classmethod
    def read(cls, path: Path, folder: Path) -> "Sources":
        """Read a list of corpora.

        Args:
            path: The list.
            folder: The folder of their files; some may be beside it, or beside the list.

        Raises:
            ConfigError: A file is missing.
        """
        facts = tomllib.loads(path.read_text(encoding="utf-8"))
        corpora = [Corpus(**each) for each in facts["corpora"]]
        folders = (folder, folder.parent, path.parent)
        files = [name for corpus in corpora for name in corpus.files]
        vectors = facts.get("vectors")
        wanted = [*files, vectors] if vectors else files
        lacking = [name for name in wanted if find(name, folders) is None]
        if lacking:
            raise ConfigError(f"{folder}: must hold {', '.join(lacking)}. Got no such file.")
        found = find(vectors, folders) if vectors else None
        return cls(corpora, None if found is None else Path(found), folders)

    def splits(self) -> list[Split]:
        """Read all sentences, and hold out a tenth of the documents of each corpus."""
        return [self._split(corpus) for corpus in self.corpora]

    def _split(self, corpus: Corpus) -> Split:
        split = Split(corpus)
        for name in corpus.files:
            path = find(name, self.folders)
            assert path is not None
            # A sentence with an empty token cannot be read.
            problems: list[DataError] = []
            sentences = read_sentences(path, columns=corpus.columns, problems=problems)
            documents = document_numbers(sentences, path)
            held_out = choose(max(documents) + 1, name)
            for sentence, document in zip(sentences, documents, strict=True):
                if held_out[document]:
                    split.held_out.append(marked(sentence, corpus))
                else:
                    split.train.append(translated(sentence, corpus))
        return split


def find(name: str, folders: Sequence[Path]) -> str | Path | None:
    """Find a file in the first folder that has it; a split of the sample corpus is its name."""
    if name.startswith("sample:"):
        return name
    return next((folder / name for folder in folders if (folder / name).is_file()), None)


def document_numbers(sentences: Sequence[Sentence], path: str | Path) -> list[int]:
    """Number the documents, and return that of each sentence; without marks, each is its own."""
    if len({sentence.document for sentence in sentences}) > 1:
        names = list(dict.fromkeys(sentence.document for sentence in sentences))
        return [names.index(sentence.document) for sentence in sentences]
    lines = [] if isinstance(path, str) else path.read_text(encoding="utf-8").splitlines()
    begins = [i for i, line in enumerate(lines, start=1) if line.startswith(NEW_DOCUMENT)]
    if not begins:
        return list(range(len(sentences)))
    return [bisect_right(begins, s.source.line if s.source else 0) for s in sentences]


def choose(count: int, name: str) -> np.ndarray:
    """Choose a tenth of the documents of a file, always the same ones."""
    random = np.random.default_rng([SEED, zlib.crc32(name.encode())])
    chosen = np.zeros(count, dtype=bool)
    chosen[random.permutation(count)[: round(HELD_OUT * count)]] = True
    return chosen


def meaning(label: str, corpus: Corpus) -> Meaning:
    """Look up what a label means.

    Raises:
        ConfigError: The list does not say.
    """
    if label not in corpus.types:
        raise ConfigError(f"{corpus.name}: types must have each label. Got no {label}.")
    return corpus.types[label]


def translated(sentence: Sentence, corpus: Corpus) -> Sentence:
    """Return a sentence with labels of the model; what is not certain stays open."""
    meanings = [meaning(span.label, corpus) for span in sentence.spans or ()]
    pairs = list(zip(sentence.spans or (), meanings, strict=True))
    certain = [Span(s.start, s.end, m) for s, m in pairs if isinstance(m, str)]
    if len(certain) == len(pairs) and not corpus.open:
        return sentence.replace(spans=certain)
    tags = tags_from_spans(certain, len(sentence), "BIOES")
    allowed = [any_of(["O", *corpus.open]) if tag == "O" else (tag,) for tag in tags]
    for span, labels in pairs:
        if not isinstance(labels, str):
            allowed[span.start : span.end] = [any_of(labels)] * (span.end - span.start)
    return sentence.replace(spans=None, allowed=allowed)


def any_of(labels: Sequence[str]) -> tuple[str, ...]:
    """List all tags of some labels; O is a label here.

    >>> any_of(["O", "LOC"])
    ('O', 'B-LOC', 'I-LOC', 'E-LOC', 'S-LOC')
    """
    tags = (["O"] if label == "O" else tag_set([label], "BIOES")[1:] for label in labels)
    return tuple(itertools.chain.from_iterable(tags))


def marked(sentence: Sentence, corpus: Corpus) -> Sentence:
    """Return a sentence with those of its entities whose label counts in scores."""
    spans = [(span, meaning(span.label, corpus)) for span in sentence.spans or ()]
    kept = [Span(s.start, s.end, m) for s, m in spans if isinstance(m, str)]
    return sentence.replace(spans=[span for span in kept if span.label in corpus.certain])
