"""Results go to stdout, whatever it is, while progress is drawn on a terminal at stderr."""

import os
import shutil

import pytest

import ner
from tests.cli.helpers import CONLL
from tests.cli.terminals import Terminal, call

QUICK = {"encoder.size": 4, "words.size": 4, "affixes.rows": 8, "training.epochs": 1}
SETTINGS = " ".join(f"--set {name}={value}" for name, value in QUICK.items())
# Every command that writes results, and something of what it writes at the end.
COMMANDS = {
    "tag": ("tag a.conll --model MODEL", "ZIGUINCHOR"),
    "tag, columns": ("tag a.conll --model MODEL --output conll", "ZIGUINCHOR NNP B-LOC "),
    "tag, marks": ("tag a.conll --model MODEL --output pretty", "left"),
    "tag, lines": ("tag a.txt --model MODEL --output jsonl", '"text": "ZIGUINCHOR"'),
    "tag, errors": ("tag a.txt --model MODEL --error-rows --output jsonl", '"row": 2'),
    "tag, sentences": ("tag a.txt --model MODEL --split-sentences --output tsv", "number\t"),
    "tag, json": ("tag a.conll --model MODEL --output jsonl", '"text": "ZIGUINCHOR"'),
    "tag, table": ("tag a.conll --model MODEL --output tsv", "\tZIGUINCHOR\n"),
    "tag, page": ("tag a.conll --model MODEL --output html", "</html>"),
    "tag, tasks": ("tag a.conll --model MODEL --output label-studio", "]"),
    "tag, doccano": ("tag a.conll --model MODEL --output doccano", '"label": '),
    "classify": ("classify Apples --model CLASSIFIER --output jsonl", '"text": "Apples"'),
    "classify, page": ("classify Apples --model CLASSIFIER --output html", "</html>"),
    "classify, marks": ("classify Apples --model CLASSIFIER --output pretty", "Apples"),
    "classify, table": ("classify Apples --model CLASSIFIER --output tsv", "\tApples\n"),
    "eval": ("eval MODEL a.conll", "\nweighted "),
    "eval, json": ("eval MODEL a.conll --json", '"micro"'),
    "eval, file": ("eval --predictions p.conll", "\nScheme of strict mode: BIO"),
    "eval, file, json": ("eval --predictions p.conll --json", '"strict"'),
    "info, json": ("info MODEL --json", '"labels"'),
    "info": ("info MODEL", "\ndata.train.sentences"),
    "export": ("export MODEL --json", '"int8": null, "compact": null}\n'),
    "config show": ("config show", "\n[training]\n"),
    "data check": ("data check a.conll", " notes.\n"),
    "data check, json": ("data check a.conll --json", '"fixed"'),
    "data stats": ("data stats a.conll", "\n    LOC "),
    "data stats, json": ("data stats a.conll --json", '"labels"'),
    "data split": ("data split b.conll --out parts --ratios 1 1 0", " labels.\n"),
    "data sample": ("data sample a.conll -n 2", "ZIGUINCHOR NNP B-LOC\n"),
    "data convert, columns": ("data convert a.conll - --to conll", "ZIGUINCHOR\t"),
    "data convert, table": ("data convert a.conll - --to csv-long", ",ZIGUINCHOR,"),
    "data convert, list": ("data convert a.conll - --to json", '"text": "ZIGUINCHOR"'),
    "data convert": ("data convert a.conll - --to jsonl", '"text": "ZIGUINCHOR"'),
    "train": (f"train --train b.conll {SETTINGS}", "\nTrained in "),
    "train, json": (f"train --train b.conll --json {SETTINGS}", '"model": "runs/'),
}


@pytest.fixture
def terminal():
    terminal = Terminal()
    yield terminal
    terminal.close()


@pytest.fixture(scope="module")
def classifier(tmp_path_factory):
    out = tmp_path_factory.mktemp("classifier") / "run"
    texts = [ner.Sentence(["Apples"], labels=["fruit"]), ner.Sentence(["Rome"], labels=["city"])]
    ner.train(out=out, task="classify", train=texts, dev=texts, progress=False, set=QUICK)
    return out / "model"


@pytest.fixture
def words(request, tiny_model, classifier, tmp_path, monkeypatch):
    """The words of a command, in a folder with what they name."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.conll").write_text(CONLL)
    (tmp_path / "a.txt").write_text("Awa Badjie left.\nZIGUINCHOR\n")
    (tmp_path / "p.conll").write_text("Awa B-PER B-PER\nleft O O\n")
    (tmp_path / "b.conll").write_text(CONLL * 4)
    model = shutil.copytree(tiny_model, tmp_path / "model")
    names = {"MODEL": str(model), "CLASSIFIER": str(classifier)}
    return [names.get(word, word) for word in request.param.split()]


CASES = pytest.mark.parametrize(
    ("words", "result"), COMMANDS.values(), ids=COMMANDS.keys(), indirect=["words"]
)


@CASES
def test_results_reach_a_file(words, result, terminal, tmp_path):
    with (tmp_path / "out").open("wb") as file:
        call(words, file.fileno(), terminal.theirs)
    out = (tmp_path / "out").read_text()
    assert result in out
    assert "\x1b" not in out


@CASES
def test_results_reach_a_pipe(words, result, terminal):
    read, write = os.pipe()
    with os.fdopen(read, "rb") as reader:
        call(words, write, terminal.theirs)
        os.close(write)
        out = reader.read().decode()
    assert result in out
    assert "\x1b" not in out


@CASES
def test_results_reach_a_terminal(words, result, terminal):
    call(words, terminal.theirs, terminal.theirs)
    assert result in terminal.close()


def test_progress_is_drawn_on_stderr_alone(tiny_model, tmp_path, monkeypatch, terminal):
    monkeypatch.setattr("ner.cli.outputs.SECONDS_BETWEEN_DRAWINGS", 0.0)
    source, out = tmp_path / "a.txt", tmp_path / "out"
    source.write_text("Awa Badjie left.\n" * 2000)
    with out.open("wb") as file:
        words = ["tag", str(source), "--model", str(tiny_model)]
        call(words, file.fileno(), terminal.theirs)
    assert out.read_text().count("\n") == 2000
    assert "tokens/s" in terminal.close()
