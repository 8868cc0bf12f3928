"""No text, label or name of a file gives orders to a terminal, whatever the command."""

import json
import os
import shutil

import pytest

import ner
from tests.cli.terminals import Terminal, call

# Orders to a terminal: colours that are not ours, a title, a bell, one step back, the start of an
# order in eight bits, other directions of writing, the start of the line. And markup of rich.
ORDERS = ("\x1b[7;5m", "\x1b]0;evil\x07", "\x08", "\x9b7m", "\u202e", "\u2066", "\u200f", "\rX")
EVIL = "".join(ORDERS) + "[red]"
NAME = f"a{EVIL}"
QUICK = {"encoder.size": 4, "words.size": 4, "affixes.rows": 8, "training.epochs": 1}
SETTINGS = [word for name, value in QUICK.items() for word in ("--set", f"{name}={value}")]

COMMANDS = {
    "tag": "tag TEXTS --model TAGGER",
    "tag, text": "tag TEXT --model TAGGER",
    "tag, columns": "tag TEXTS --model TAGGER --output conll",
    "tag, json": "tag TEXTS --model TAGGER --output jsonl",
    "tag, table": "tag TEXTS --model TAGGER --output tsv",
    "tag, skipping": "tag BROKEN TEXTS --model TAGGER --on-error skip",
    "classify": "classify TEXTS --model CLASSIFIER",
    "classify, page": "classify TEXTS --model CLASSIFIER --output html",
    "classify, json": "classify TEXTS --model CLASSIFIER --output jsonl",
    "classify, table": "classify TEXTS --model CLASSIFIER --output tsv",
    "eval": "eval TAGGER CORPUS",
    "eval, texts": "eval CLASSIFIER LABELLED",
    "eval, json": "eval TAGGER CORPUS --json",
    "export": "export TAGGER",
    "info": "info TAGGER",
    "info, texts": "info CLASSIFIER",
    "info, json": "info TAGGER --json",
    "rename": "rename TAGGER LABEL=PER --out OUT",
    "config show": "config show CONFIG",
    "data check": "data check CORPUS --examples 0",
    "data check, columns": "data check ROWS --fix OUT",
    "data stats": "data stats CORPUS LABELLED",
    "data split": "data split ROWS --out OUT --ratios 1 1 0",
    "data sample": "data sample CORPUS -n 1",
    "data convert": "data convert CORPUS - --to jsonl",
    "data convert, file": "data convert CORPUS OUT --to conll",
    "data convert, table": "data convert CORPUS - --to csv --drop",
    "data convert, columns": "data convert CORPUS - --to conll",
    "train": "train --train ROWS --dev ROWS --out OUT",
}
FAILURES = {
    "no file": ("data stats OUT.conll", 1),
    "no model": ("info OUT", 1),
    "no command": ("EVIL", 2),
    "no option": ("tag --EVIL", 2),
    "no setting": ("train --train ROWS --set EVIL=1", 2),
    "no column": ("data stats ROWS --columns EVIL", 2),
    "no corpus": ("data stats BROKEN", 1),
    "no label": ("rename TAGGER EVIL=PER --out OUT", 2),
    "no configuration": ("config show BROKEN", 2),
}


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """A tagger and a classifier with such labels, in folders with such names."""
    folder = tmp_path_factory.mktemp("models") / NAME
    label = EVIL.replace("\r", "")
    spans = [ner.Sentence(["Ada" + EVIL, "left"], spans=[ner.Span(0, 1, label)])] * 4
    texts = [
        ner.Sentence([word], labels=[f"{label}\n{word}"]) for word in ("Apples", "Rome" + EVIL)
    ]
    common = {"progress": False, "set": QUICK}
    ner.train(out=folder / "t", train=spans, dev=spans, **common)
    ner.train(out=folder / "c", task="classify", train=texts, dev=texts, **common)
    return {"TAGGER": folder / "t" / "model", "CLASSIFIER": folder / "c" / "model"}


@pytest.fixture
def words(request, models, tmp_path, monkeypatch):
    """The words of a command, in a folder with what they name."""
    monkeypatch.chdir(tmp_path)
    command, *_ = request.param if isinstance(request.param, tuple) else (request.param,)
    label = EVIL.replace("\r", "")
    text = f"Ada{EVIL} left."
    spans = [{"start": 0, "end": len(text) - 6, "label": label}]
    rows = f"Ada{EVIL.replace(chr(13), '')} B-{label}\nleft O\n\nBob\tB-{label}\n\n" * 4
    files = {
        "TEXTS": (".txt", text + "\n"),
        "CORPUS": (".jsonl", json.dumps({"text": text, "spans": spans, EVIL: 1}) + "\n"),
        "LABELLED": (".jsonl", json.dumps({"text": text, "labels": [f"{label}\nApples"]}) + "\n"),
        "ROWS": (".conll", rows.replace("\t", " ")),
        "BROKEN": (".jsonl", f"{EVIL}\n"),
        "CONFIG": (".toml", f"[data]\ntrain = {json.dumps(EVIL)}\n"),
    }
    names = {"OUT": f"out{EVIL}", "TEXT": text, "EVIL": EVIL, "LABEL": label}
    for number, (word, (ending, content)) in enumerate(files.items()):
        names[word] = f"{number}{NAME}{ending}"
        (tmp_path / names[word]).write_text(content, newline="")
    names["TAGGER"] = str(shutil.copytree(models["TAGGER"], tmp_path / NAME))
    names["CLASSIFIER"] = str(models["CLASSIFIER"])
    found = command.split()
    for name, value in sorted(names.items(), key=lambda item: -len(item[0])):
        found = [value.join(word.split(name)) if name in word else word for word in found]
    return [*found, *SETTINGS] if found[0] == "train" else found


def of(cases):
    return pytest.mark.parametrize("words", cases.values(), ids=cases.keys(), indirect=True)


def run_on_a_terminal(words, code):
    terminal = Terminal()
    try:
        call(words, terminal.theirs, terminal.theirs, code)
    finally:
        shown = terminal.close()
    return shown


def obeyed(text):
    return [order for order in ORDERS if order in text]


@of(COMMANDS)
def test_no_result_gives_orders_to_a_terminal(words):
    shown = run_on_a_terminal(words, 0)
    assert obeyed(shown) == []
    assert "[red]" in shown or words[0] in ("export", "config")


@pytest.mark.parametrize(
    ("words", "code"),
    [(c, c[1]) for c in FAILURES.values()],
    ids=FAILURES.keys(),
    indirect=["words"],
)
def test_no_error_gives_orders_to_a_terminal(words, code):
    shown = run_on_a_terminal(words, code)
    assert obeyed(shown) == []
    assert shown.count("\n") == 1


@pytest.mark.parametrize(
    "words", ["tag TEXTS --model TAGGER --output jsonl"], indirect=True, ids=["jsonl"]
)
def test_json_lines_mean_the_same_on_a_terminal_and_in_a_pipe(words):
    read, write = os.pipe()
    terminal = Terminal()
    with os.fdopen(read, "rb") as reader:
        call(words, write, terminal.theirs)
        os.close(write)
        piped = reader.read().decode()
    terminal.close()
    (line,) = [line for line in run_on_a_terminal(words, 0).splitlines() if line.startswith("{")]
    assert json.loads(line)["text"].startswith(f"Ada{EVIL}")
    assert json.loads(line) == json.loads(piped)
    # JSON itself forbids control characters below the blank alone.
    assert obeyed(piped) == ["\x9b7m", "\u202e", "\u2066", "\u200f"]


@pytest.mark.parametrize("kind", ["tsv", "conll"])
def test_columns_are_unchanged_in_a_pipe(run, models, kind):
    code, out, _ = run("tag", "Ada\x9b7m\u202e", "--model", models["TAGGER"], "--output", kind)
    assert code == 0
    assert {"\x9b7m", "\u202e"} <= set(obeyed(out))


def test_texts_for_people_are_harmless_in_a_pipe_too(run, models):
    code, out, _ = run("tag", f"Ada{EVIL}", "--model", models["TAGGER"], "--output", "pretty")
    assert (code, obeyed(out)) == (0, [])
    assert r"\u001b[7;5m" in out
