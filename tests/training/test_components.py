"""Networks with components that are no part of the package."""

import ast
import subprocess
import sys
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import ner
from ner.data.formats.conll import write_conll
from ner.errors import ConfigError, ModelFolderError

PAGE = Path(__file__).parents[2] / "docs" / "extend.md"


def sample(split, count):
    return list(islice((s for s in ner.read_sentences(f"sample:{split}") if s.spans), count))


def train(out, build=None, task="ner", **arguments):
    arguments = {"train": sample("train", 24), "dev": sample("dev", 8)} | arguments
    return ner.train(
        out=out,
        build=build,
        progress=False,
        task=task,
        training={"epochs": 25, "batch_size": 8, "learning_rate": 0.02, "ema": 0.0, "threads": 1},
        **arguments,
    )


SMALL = {
    "words": {"size": 8},
    "characters": {"size": 4, "output_size": 8},
    "affixes": {"rows": 64, "size": 4},
    "encoder": {"size": 8, "dropout": 0.0},
    "embedder": {"dropout": 0.0},
}


class WordLength(nn.Module):
    """A part of words: a vector for the number of characters."""

    def __init__(self):
        super().__init__()
        self.size = 3
        self.table = nn.Embedding(20, 3)

    def forward(self, batch):
        return self.table((batch["characters"] != 0).sum(1).clamp(max=19))


def longer_words(model):
    parts = {**model.embedder.word_parts, "length": WordLength()}
    embedder = ner.nn.Embedder(parts, dict(model.embedder.token_parts))
    encoder = ner.nn.RecurrentEncoder(embedder.size, 5)
    head = ner.nn.CRFHead(encoder.size, model.head.tags, model.head.scheme)
    return ner.nn.Model(embedder, encoder, head)


class OwnEmbedder(nn.Module):
    """An embedder from the first to the last line."""

    def __init__(self, rows, size):
        super().__init__()
        self.size = size
        self.table = nn.Embedding(rows, size)

    def word_rows(self, batch):
        return self.table(batch["words"])

    def forward(self, batch):
        rows = batch["rows"] if "rows" in batch else self.word_rows(batch)
        return nn.functional.embedding(batch["tokens"], rows)


def own_embedder(model):
    rows = model.embedder.word_parts["words"].table.num_embeddings
    return ner.nn.Model(OwnEmbedder(rows, model.embedder.size), model.encoder, model.head)


class Window(nn.Module):
    """An encoder that adds to each token the mean of its neighbours."""

    def __init__(self, input_size, size):
        super().__init__()
        self.size = size
        self.layer = nn.Linear(2 * input_size, size)

    def forward(self, embedded, lengths):
        embedded = embedded * ner.nn.length_mask(lengths, embedded.shape[1])[:, :, None]
        around = nn.functional.pad(embedded, (0, 0, 1, 1))
        both = torch.cat([embedded, around[:, :-2] + around[:, 2:]], dim=2)
        return torch.tanh(self.layer(both))


def own_encoder(model):
    encoder = Window(model.embedder.size, model.encoder.size)
    return ner.nn.Model(model.embedder, encoder, model.head)


class LastTokens(nn.Module):
    """A head for tags that sees each token alone."""

    gold = "tags"

    def __init__(self, input_size, tags):
        super().__init__()
        self.layer = nn.Linear(input_size, len(tags))

    def outputs(self, hidden, lengths):
        return {"emissions": self.layer(hidden)}

    def loss(self, hidden, lengths, gold):
        mask = ner.nn.length_mask(lengths, hidden.shape[1])
        losses = nn.functional.cross_entropy(self.layer(hidden)[mask], gold[mask], reduction="sum")
        return losses / len(lengths)

    def edges(self):
        return None


def own_head(model):
    head = LastTokens(model.encoder.size, model.head.tags)
    return ner.nn.Model(model.embedder, model.encoder, head)


class MeanHead(nn.Module):
    """A head for classes of texts."""

    gold = "classes"

    def __init__(self, input_size, labels):
        super().__init__()
        self.layer = nn.Linear(input_size, len(labels))

    def outputs(self, hidden, lengths):
        mask = ner.nn.length_mask(lengths, hidden.shape[1])[:, :, None]
        return {"logits": self.layer((hidden * mask).sum(1) / lengths[:, None])}

    def loss(self, hidden, lengths, gold):
        return nn.functional.cross_entropy(self.outputs(hidden, lengths)["logits"], gold)

    def edges(self):
        return None


def own_classifier(model):
    head = MeanHead(model.encoder.size, model.head.labels)
    return ner.nn.Model(model.embedder, model.encoder, head)


def predictions(tagger, sentences):
    return [(s.found_spans, s.prediction.scores) for s in tagger.tag_sentences(sentences)]


BUILDS = [longer_words, own_embedder, own_encoder, own_head]


@pytest.mark.parametrize("build", BUILDS, ids=lambda build: build.__name__)
def test_own_components_learn_and_load(tmp_path, build):
    sentences = sample("train", 24)
    tagger, report = train(tmp_path / "run", build, dev=sentences, **SMALL)
    assert report.f1 > 0.2
    loaded = ner.load(tmp_path / "run/model", build=build)
    assert predictions(loaded, sentences) == predictions(tagger, sentences)
    assert not (tmp_path / "run/model/model.onnx").exists()
    alone = [predictions(loaded, [s])[0][0] for s in sentences]
    assert alone == [spans for spans, _ in predictions(loaded, sentences)]
    card = (tmp_path / "run/model/README.md").read_text()
    assert f'ner.load("path/to/this/folder", build={build.__name__})' in card


def test_a_classifier_has_an_own_head(tmp_path):
    texts = [("good", "it is good"), ("bad", "it is bad"), ("good", "good it was")]
    data = [ner.Sentence(text.split(), labels=(label,)) for label, text in texts]
    _, report = train(
        tmp_path / "run", own_classifier, "classify", train=data * 4, dev=data, **SMALL
    )
    assert report.accuracy == 1
    loaded = ner.load(tmp_path / "run/model", build=own_classifier)
    assert [loaded.classify(text).label for _, text in texts] == [label for label, _ in texts]


def test_a_model_without_its_function_is_refused_in_one_line(tmp_path):
    train(tmp_path / "run", own_head, **SMALL)
    message = "the network was built by your function 'own_head'. Pass it as build=."
    with pytest.raises(ModelFolderError) as error:
        ner.load(tmp_path / "run/model")
    assert str(error.value) == f"{tmp_path / 'run/model'}: {message}"
    with pytest.raises(ModelFolderError) as error:
        train(tmp_path / "more", init=tmp_path / "run/model")
    assert str(error.value) == f"{tmp_path / 'run/model'}: {message}"
    assert not (tmp_path / "more").exists()


def test_a_function_is_refused_where_training_had_none(tmp_path, tiny_model):
    with pytest.raises(ConfigError, match=r"^build: must be left out, as it was when .* trained"):
        ner.load(tiny_model, build=own_head)
    with pytest.raises(ConfigError, match=r"^build: must be left out"):
        train(tmp_path / "run", own_head, init=tiny_model)


def test_a_function_must_return_a_model(tmp_path):
    with pytest.raises(TypeError, match=r"^build: must return a ner\.nn\.Model\. Got NoneType\.$"):
        train(tmp_path / "run", lambda model: None)


def deeper(model):
    encoder = ner.nn.RecurrentEncoder(model.embedder.size, model.encoder.size // 2, layers=2)
    return ner.nn.Model(model.embedder, encoder, model.head)


def test_known_components_are_exported_and_need_no_function_then(tmp_path):
    tagger, _ = train(tmp_path / "run", deeper, **SMALL)
    sentences = sample("dev", 8)
    exported = ner.load(tmp_path / "run/model")
    assert [s for s, _ in predictions(exported, sentences)] == [
        s for s, _ in predictions(tagger, sentences)
    ]
    ner.load(tmp_path / "run/model", runtime="torch", build=deeper)
    with pytest.raises(ModelFolderError, match="built by your function 'deeper'"):
        ner.load(tmp_path / "run/model", runtime="torch")
    with pytest.raises(ModelFolderError, match="built by your function 'deeper'"):
        ner.export(tmp_path / "run/model")
    ner.export(tmp_path / "run/model", build=deeper)


def test_a_model_with_own_components_is_trained_further_and_resumed(tmp_path):
    train(tmp_path / "run", own_encoder, **SMALL)
    more, _ = train(tmp_path / "more", own_encoder, init=tmp_path / "run/model")
    assert type(more.runtime.model.encoder) is Window
    with pytest.raises(ConfigError, match="a resumed run keeps its settings and data"):
        train(tmp_path / "run", resume=True, **SMALL)
    again, _ = train(tmp_path / "run", own_encoder, resume=True, **SMALL)
    sentences = sample("dev", 8)
    before = ner.load(tmp_path / "run/model", build=own_encoder)
    assert predictions(again, sentences) == predictions(before, sentences)


def test_pretrained_vectors_are_in_the_network_that_a_function_receives(tmp_path):
    (tmp_path / "vectors.txt").write_text("london 1 2\nzanzibar 3 4\n")
    received = []

    def look(model):
        received.append(model.embedder.word_parts["words"].table.weight.detach().numpy().copy())
        return own_embedder(model)

    settings = SMALL | {"words": {"size": 2}, "vectors": {"path": str(tmp_path / "vectors.txt")}}
    data = [ner.Sentence(["London", "is", "large"], spans=[(0, 1, "LOC")])] * 4
    train(tmp_path / "run", look, train=data, dev=data, **settings)
    assert any(np.array_equal(row, [1, 2]) for row in received[0])


def blocks():
    """List the Python blocks of the page."""
    return [block.partition("```")[0] for block in PAGE.read_text().split("```python\n")[1:]]


def run_python(folder, code):
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_the_script_in_docs_is_short_trains_and_tags_in_a_new_process(tmp_path):
    for split, count in (("train", 24), ("dev", 4)):
        lines = write_conll(sample(split, count))
        (tmp_path / f"{split}.conll").write_text("\n".join(lines) + "\n")
    script = next(block for block in blocks() if "build=build" in block)
    use = next(block for block in blocks() if "ner.load(" in block)
    assert len(script.splitlines()) < 40
    assert "precision" in run_python(tmp_path, script)
    kept = (ast.Import, ast.ClassDef, ast.FunctionDef)
    definitions = [node for node in ast.parse(script).body if isinstance(node, kept)]
    tagged = run_python(tmp_path, ast.unparse(ast.Module(definitions, [])) + "\n" + use)
    assert tagged.startswith("(")
