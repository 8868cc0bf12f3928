"""Other tools as contenders of the benchmark, if they are installed.

Each trains a tagger from scratch as its documentation says, without downloads. Their networks
differ from ours, so compare their F1 too, not only their speed.
"""

import importlib
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from contenders import Stepwise, TagReader, find

from ner.data.schemes import Span, tags_from_spans
from ner.data.sentence import Sentence

BATCH_SIZE = 32
# The contender of each package. Modules are imported only when they are used, so that no tool waits
# at its start for the libraries of another one.
PEERS = {
    "python-crfsuite": "peers:Crfsuite",
    "spacy": "peers:Spacy",
    "flair": "peer_flair:Flair",
    "stanza": "peer_stanza:Stanza",
    "bi-lstm-crf": "peer_bi_lstm_crf:BiLstmCrf",
}


def installed_peers(
    train: Sequence[Sentence], packages: Sequence[str] = ()
) -> tuple[list[Any], list[str]]:
    """Build the contenders of packages that are installed.

    Args:
        train: Annotated sentences.
        packages: The packages; all by default.

    Returns:
        The contenders, and a line about each package.
    """
    peers: list[Any] = []
    notes: list[str] = []
    for package in packages or PEERS:
        try:
            place = PEERS[package]
        except KeyError:
            sys.exit(f"--peers: must be one of {', '.join(PEERS)}. Got {package!r}.")
        try:
            release = version(package)
        except PackageNotFoundError:
            notes.append(f"{package}: not installed, left out.")
            continue
        peers.append(find(place)(train))
        notes.append(f"{package} {release}")
    return peers, notes


class Crfsuite:
    """python-crfsuite: a linear CRF on features of words, without a network.

    It trains in passes over the whole corpus, so the first call trains to the end, and each pass
    counts all tokens.

    Args:
        train: Annotated sentences.
        iterations: The most iterations of L-BFGS; 50 is that of python-crfsuite's CoNLL example.
    """

    name = "python-crfsuite"
    taggers: ClassVar = {"python-crfsuite": "peers:CrfsuiteTagger"}
    size = None

    def __init__(self, train: Sequence[Sentence], iterations: int = 50) -> None:
        self.sentences = train
        self.iterations = iterations
        self.model = b""
        self.speed = (0, 0.0)

    def train(self, seconds: float) -> tuple[int, float]:
        """Train to the end, once. Return the tokens of all passes, and the seconds they took."""
        if not self.model:
            self.train_epoch()
        return self.speed

    def train_epoch(self) -> float:
        """Train to the end. Return the seconds that it took."""
        pycrfsuite = importlib.import_module("pycrfsuite")
        began = time.perf_counter()
        trainer = pycrfsuite.Trainer(verbose=False)
        for sentence in self.sentences:
            tags = tags_from_spans(sentence.spans or (), len(sentence), "BIOES")
            trainer.append(crfsuite_features(sentence.tokens), tags)
        # The penalties of python-crfsuite's own CoNLL example.
        trainer.set_params({"c1": 1.0, "c2": 1e-3, "max_iterations": self.iterations})
        trainer.set("feature.possible_transitions", 1)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model"
            trainer.train(str(path))
            self.model = path.read_bytes()
        spent = time.perf_counter() - began
        passes = len(trainer.logparser.iterations)
        self.speed = (passes * sum(map(len, self.sentences)), spent)
        return spent

    def save(self, folder: Path) -> None:
        """Write the model."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "model.crfsuite").write_bytes(self.model)


class CrfsuiteTagger(TagReader):
    """A trained model of python-crfsuite."""

    def __init__(self, folder: Path) -> None:
        pycrfsuite = importlib.import_module("pycrfsuite")
        self.tagger = pycrfsuite.Tagger()
        self.tagger.open(str(folder / "model.crfsuite"))

    def tag(self, sentences: Sequence[Sentence]) -> list[list[str]]:
        """Tag many sentences."""
        return [self.tag_tokens(s.tokens) for s in sentences]

    def tag_tokens(self, tokens: Sequence[str]) -> list[str]:
        """Tag one sentence."""
        return self.tagger.tag(crfsuite_features(tokens))


def crfsuite_features(tokens: Sequence[str]) -> list[list[str]]:
    """List features of each token and its neighbours.

    Source: The features of python-crfsuite's CoNLL example, without parts of speech.
    """
    own = [
        (
            f"word.lower={token.lower()}",
            f"word.istitle={token.istitle()}",
            f"word.isupper={token.isupper()}",
        )
        for token in tokens
    ]
    features = []
    for i, token in enumerate(tokens):
        row = ["bias", *own[i], f"word[-3:]={token[-3:]}", f"word[-2:]={token[-2:]}"]
        row.append(f"word.isdigit={token.isdigit()}")
        row += [f"-1:{feature}" for feature in own[i - 1]] if i else ["BOS"]
        row += [f"+1:{feature}" for feature in own[i + 1]] if i + 1 < len(tokens) else ["EOS"]
        features.append(row)
    return features


class Spacy(Stepwise):
    """spaCy: a blank English pipeline with its default entity recogniser (CNN and transitions)."""

    name = "spaCy"
    taggers: ClassVar = {"spaCy": "peers:SpacyTagger"}
    size = None

    def __init__(self, train: Sequence[Sentence]) -> None:
        spacy = importlib.import_module("spacy")
        example = importlib.import_module("spacy.training").Example
        self.pipeline = spacy.blank("en")
        recogniser: Any = self.pipeline.add_pipe("ner")
        self.examples = []
        for sentence in train:
            doc = spacy_doc(self.pipeline, sentence.tokens)
            tags = tags_from_spans(sentence.spans or (), len(sentence), "BIOES")
            # spaCy spells BIOES as BILUO.
            spelt = [{"E": "L", "S": "U"}.get(tag[0], tag[0]) + tag[1:] for tag in tags]
            self.examples.append(example.from_dict(doc, {"entities": spelt}))
            for span in sentence.spans or ():
                recogniser.add_label(span.label)
        self.optimizer = self.pipeline.initialize(lambda: self.examples[:100])
        self.steps = self._steps()
        self.steps_of_epoch = -(-len(self.examples) // BATCH_SIZE)

    def save(self, folder: Path) -> None:
        """Write the pipeline."""
        self.pipeline.to_disk(folder)

    def _steps(self) -> Iterator[int]:
        random = np.random.default_rng(1)
        while True:
            order = random.permutation(len(self.examples))
            for start in range(0, len(order), BATCH_SIZE):
                batch = [self.examples[i] for i in order[start : start + BATCH_SIZE]]
                self.pipeline.update(batch, sgd=self.optimizer, drop=0.1)
                yield sum(len(example.predicted) for example in batch)


class SpacyTagger:
    """A trained pipeline of spaCy."""

    def __init__(self, folder: Path) -> None:
        spacy = importlib.import_module("spacy")
        self.pipeline = spacy.load(folder)

    def tag(self, sentences: Sequence[Sentence]) -> list[Any]:
        """Tag many sentences."""
        docs = (spacy_doc(self.pipeline, s.tokens) for s in sentences)
        return list(self.pipeline.pipe(docs))

    def tag_tokens(self, tokens: Sequence[str]) -> Any:
        """Tag one sentence."""
        return self.pipeline(spacy_doc(self.pipeline, tokens))

    def spans(self, tagged: Sequence[Any]) -> list[list[Span]]:
        """Convert the result of `tag` to spans."""
        return [[Span(e.start, e.end, e.label_) for e in doc.ents] for doc in tagged]


def spacy_doc(pipeline: Any, tokens: Sequence[str]) -> Any:
    """Wrap tokens without spaCy's own tokenizer."""
    return importlib.import_module("spacy.tokens").Doc(pipeline.vocab, words=list(tokens))
