"""Make the golden model folders and their answers anew.

python tests/golden/make.py tests/golden

Run it only to add a kind of model: whatever exists stays as it is, because models that people have
trained must load and answer the same for ever. See README.md beside it.
"""

import json
import sys
import tempfile
from pathlib import Path

import numpy as np

import ner
from ner import Sentence

SMALL = {
    "progress": False,
    "words": {"size": 4},
    "characters": {"size": 3, "output_size": 4},
    "shape": {"size": 2},
    "affixes": {"rows": 16, "size": 2},
    "embedder": {"dropout": 0.0, "word_dropout": 0.0},
    "encoder": {"size": 4, "dropout": 0.0},
    "training": {"epochs": 30, "batch_size": 4, "learning_rate": 0.03, "ema": 0.0, "threads": 1},
}

# Texts beside sentences of the sample, with what is easily lost: blanks, signs, other scripts.
TEXTS = (
    "Awa Badjie flew from Senegal to London .",
    "Mr. O'Neill's  visit\tcost $3.50, didn't it?",
    "naïve café 🙂 — “Zürich”\n\n2026",
    "中文 text",
    "x",
    "",
    " \n",
)


def make(folder: Path) -> None:
    """Train the models that the folder lacks, each with few sentences, and record its answers."""
    train = [s for s in ner.read_sentences("sample:train") if s.spans][:40]
    dev = [s for s in ner.read_sentences("sample:dev") if s.spans][:10]
    texts = [*TEXTS, *(s.text for s in dev)]
    with tempfile.TemporaryDirectory() as place:
        vectors = Path(place) / "vectors.txt"
        write_vectors(vectors, [*train, *dev])
        kinds = {
            "spans": (train, dev, {}),
            "tokens": (
                shapes(train),
                shapes(dev),
                {
                    "task": "tag",
                    "data": {"target": "shape", "tokenizer": "ud"},
                    "vectors": {"path": str(vectors)},
                    "encoder": {**SMALL["encoder"], "cell": "gru"},
                },
            ),
            "texts": (
                labelled(train),
                labelled(dev),
                {
                    "task": "classify",
                    "data": {"tokenizer": "character"},
                    "pooling": {"kinds": ["attention", "max"], "size": 4},
                },
            ),
        }
        for name, (its_train, its_dev, settings) in kinds.items():
            model = folder / name / "model"
            if model.exists():
                continue
            out = Path(place) / name
            ner.train(train=its_train, dev=its_dev, out=out, **{**SMALL, **settings})
            if name != "tokens":
                ner.export(out / "model", int8=True)
            (folder / name).mkdir(parents=True)
            (out / "model").rename(model)
            record(model, texts)


def write_vectors(path: Path, sentences: list[Sentence]) -> None:
    """Write a vector for each second word, of random numbers."""
    words = sorted({token.lower() for sentence in sentences for token in sentence.tokens})[::2]
    numbers = np.random.default_rng(1).normal(size=(len(words), SMALL["words"]["size"]))
    lines = (
        f"{w} {' '.join(f'{x:.3f}' for x in row)}\n" for w, row in zip(words, numbers, strict=True)
    )
    path.write_text("".join(lines), encoding="utf-8")


def shapes(sentences: list[Sentence]) -> list[Sentence]:
    """Label each token by its first character."""

    def shape(token: str) -> str:
        first = token[0]
        return "digit" if first.isdigit() else "upper" if first.isupper() else "other"

    return [Sentence(s.tokens, columns={"shape": tuple(map(shape, s.tokens))}) for s in sentences]


def labelled(sentences: list[Sentence]) -> list[Sentence]:
    """Label each text by its first entity."""
    return [Sentence(s.tokens, labels=(s.spans[0].label,)) for s in sentences]


def record(model: Path, texts: list[str]) -> None:
    """Write what a model says of texts, in fp32 and, where it has it, in int8."""
    answers: dict[str, list[object]] = {"texts": list(texts)}
    for precision, graph in (("fp32", "model.onnx"), ("int8", "model.int8.onnx")):
        if (model / graph).exists():
            predictor = ner.load(model, runtime="onnx", precision=precision, threads=1)
            answers[precision] = [answer(sentence) for sentence in predictor.pipe(texts)]
    path = model.parent / "answers.json"
    path.write_text(json.dumps(answers, ensure_ascii=False, indent=0) + "\n", encoding="utf-8")


def answer(sentence: ner.PredictedSentence) -> dict[str, object]:
    """Put what a model says of a text into JSON: labels, offsets, and scores."""
    found = sentence.prediction
    facts = {
        "offsets": sentence.offsets,
        "entities": [(e.start, e.end, e.label) for e in sentence.entities or ()],
        "columns": found.columns,
        "labels": found.labels,
        "scores": [
            *found.scores,
            *(score for scores in found.column_scores.values() for score in scores),
            *found.probabilities.values(),
            *(weight for row in found.attention for weight in row),
        ],
    }
    return json.loads(json.dumps({**facts, "scores": [round(x, 6) for x in facts["scores"]]}))


if __name__ == "__main__":
    make(Path(sys.argv[1]))
