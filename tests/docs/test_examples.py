"""Every example in README and docs is run, or says why it is not, and its options are checked."""

import contextlib
import gzip
import importlib
import importlib.util
import io
import json
import logging
import random
import re
import runpy
import shlex
import shutil
import sys
import tomllib
from pathlib import Path
from typing import get_args, get_type_hints

import pytest
import typer

import ner
from ner.cli import main
from ner.cli.app import app

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "scripts" / "docs_examples.py"
SPEC = importlib.util.spec_from_file_location("docs_examples", SCRIPT)
docs_examples = importlib.util.module_from_spec(SPEC)
sys.modules["docs_examples"] = docs_examples
SPEC.loader.exec_module(docs_examples)

PAGES = docs_examples.pages()
EXAMPLES = [example for page in PAGES for example in docs_examples.examples(page)]
CONFIG = next(k for k in get_args(get_type_hints(ner.train)["config"]) if hasattr(k, "updated"))
SETTINGS = importlib.import_module(CONFIG.__module__)
# Examples that cannot run here; a new one has to replace another, or argue with this number.
MOST_NOT_RUN = 20
# Short training of small networks, for commands and calls that say nothing else.
QUICK = {
    "encoder.size": 8,
    "characters.size": 4,
    "characters.output_size": 4,
    "affixes.rows": 64,
    "training.epochs": 1,
}
# The file of rules that the page on rules shows.
RULES_PAGE = (ROOT / "docs" / "rules.md").read_text(encoding="utf-8")
NAMES = RULES_PAGE.partition("```text\n")[2].partition("```")[0]
INSTALLERS = ("pip", "python3")
# Libraries of whose presence the package does not depend; the page that imports one is skipped.
OTHERS = ("polars", "daft", "ray", "pyspark")
# Named by the models in docs.
MODELS = {
    "names": ["--train", "train.conll", "--dev", "dev.conll"],
    "pos": ["--task", "tag", "--target", "upos", "--train", "train.conllu", "--dev", "dev.conllu"],
    "questions": ["--task", "classify", "--train", "questions.txt"],
}


def ids(example):
    return f"{Path(example.page).stem}, line {example.line}"


def commands(example):
    """Yield the words of each command of a shell block, and its redirections."""
    for line in example.text.splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars="();<>|&")
        lexer.whitespace_split = True
        words, files, place = [], {}, None
        for word in [*lexer, "&&"]:
            if word in ("<", ">"):
                place = word
            elif word == "&&":
                if words:
                    yield unlaunched(words), files
                words, files = [], {}
            elif place:
                files[place], place = word, None
            else:
                assert not set(word) <= set("();<>|&"), f"{ids(example)}: {word} is not supported"
                words.append(word.removeprefix(".venv/bin/"))


def unlaunched(words):
    """Leave out what starts several processes: one does the same."""
    words = words[words.index("-m") + 1 :] if words[0] == "torchrun" else words
    return ["1" if words[i - 1] == "--jobs" else word for i, word in enumerate(words)]


SHELL = [example for example in EXAMPLES if example.language == "sh"]


def test_readme_is_short():
    assert len((ROOT / "README.md").read_bytes()) <= 8000


def test_examples_say_their_language_and_few_are_not_run():
    assert {e.language for e in EXAMPLES} == {"sh", "python", "text", "json"}
    assert sum(e.not_run is not None for e in EXAMPLES) <= MOST_NOT_RUN
    assert all(e.not_run is None for e in EXAMPLES if e.language == "python")


@pytest.mark.parametrize("example", SHELL, ids=ids)
def test_commands_have_the_options_and_files_that_they_name(example):
    for words, _ in commands(example):
        check_command(words)


def check_command(words):
    """Check what a command names without running it."""
    given = {word for word in words if re.fullmatch(r"--?[a-z][\w-]*", word)}
    assert all((ROOT / word).is_file() for word in words if word.startswith("configs/"))
    changes = [words[i + 1] for i, word in enumerate(words) if word == "--set"]
    CONFIG().updated(dict(map(SETTINGS.parse_setting, changes)))
    if words[0] == "python" and words[1] != "-m":
        source = (ROOT / words[1]).read_text(encoding="utf-8")
        # Some scripts make options out of tables of names.
        assert all(f'"{o}"' in source or f'"{o.removeprefix("--")}"' in source for o in given)
    elif words[0] == "pip":
        check_extras(" ".join(words))
    elif words[0] == "ner":
        command, rest = typer.main.get_command(app), words[1:]
        while inner := getattr(command, "commands", {}):
            command, *rest = inner[rest[0]], *rest[1:]
        known = {option for parameter in command.params for option in parameter.opts}
        assert given <= known, f"{' '.join(words[:2])} has no {given - known}"


def check_extras(call):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for names in re.findall(r"\[([\w,]+)\]", call):
        assert set(names.split(",")) <= project["optional-dependencies"].keys()
    assert "lattice-ner" not in call or project["name"] == "lattice-ner"


def call(words, stdin=b""):
    """Run one of our commands in this process; its output, once it has succeeded."""
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2))
    with (
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        pytest.MonkeyPatch.context() as patch,
        pytest.raises(SystemExit) as exit_,
    ):
        patch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(stdin), encoding="utf-8"))
        if words[0] == "ner":
            main(words[1:])
        else:
            patch.setattr("sys.argv", words[1:])
            runpy.run_path(words[1], run_name="__main__")
            raise SystemExit(0)
    printed, said = map(written, (out, err))
    assert exit_.value.code in (0, None), f"{' '.join(words)}\n{printed}{said}"
    return printed


def written(stream):
    stream.flush()
    return stream.buffer.getvalue().decode("utf-8")


def quick(words):
    """Add what makes a training short."""
    if words[:2] == ["python", "scripts/forecast.py"] and "--model" not in words:
        return [*words, "--epochs", "1", "--seeds", "1"]
    names = ("train", "curve", "extend", "distil", "sweep", "simulate", "data suspects")
    starts = [["ner", *name.split()] for name in names]
    scripts = ("suspects", "extend", "noise")
    starts += [["python", f"scripts/benchmark/{name}.py"] for name in scripts]
    is_training = any(words[: len(start)] == start for start in starts)
    if not is_training or "--resume" in words:
        return words
    # A model that is trained further keeps its sizes.
    trains_on = "--init" in words or words[:2] == ["ner", "extend"]
    names = ["training.epochs"] if trains_on else QUICK
    # In scripts, the last of equal settings counts.
    given = "" if words[0] == "python" else " ".join(words)
    changes = [f"{name}={QUICK[name]}" for name in names if f"{name}=" not in given]
    return [*words, *(word for change in changes for word in ("--set", change))]


def write_files(folder):
    """Write small files under the names that docs use."""
    sentences = [s for s in ner.read_sentences("sample:train") if s.spans][:48]
    rows = [conll_rows(s) for s in sentences]
    document = "-DOCSTART- O\n"
    files = {"train": rows[:32], "dev": rows[32:40], "test": rows[40:], "new": rows[8:40]}
    files["all"] = [document, *rows[:16], document, *rows[16:32], document, *rows[32:]]
    for name, chosen in files.items():
        write(folder / f"{name}.conll", "\n".join(chosen))
    for name, chosen in (("eng.train", rows[:32]), ("eng.testa", rows[32:])):
        write(folder / name, "\n".join(chosen).replace(" ", " NN I-NP "))
    for name, chosen in (("train", sentences[:32]), ("dev", sentences[32:])):
        write(folder / f"{name}.conllu", "\n".join(map(conllu_rows, chosen)))
    questions = [f"{i % 2 * 3 + 1} {s.text}" for i, s in enumerate(sentences)]
    write(folder / "questions.txt", "\n".join(questions).encode("ascii", "ignore").decode())
    records = [{"text": "Ada left.", "spans": [{"start": 0, "end": 3, "label": "PER"}]}]
    write(folder / "project.jsonl", "\n".join(map(json.dumps, records)))
    for name, records in (teachers() | gold()).items():
        write(folder / f"{name}.jsonl", "\n".join(map(json.dumps, records)))
    write(folder / "names.toml", NAMES)
    write(folder / "towns.txt", "London\nHamburg\n")
    write(folder / "reviews.csv", 'review;stars\n"Great; I like it.";5\nIt broke.;1\n')
    for name in ("articles.txt", "notes.txt", "report.txt"):
        write(folder / name, "Ada Lovelace was born in London. She wrote.\nNo name.\n")
    random_ = random.Random(1)
    words = sorted({token.lower() for s in sentences for token in s.tokens})
    vectors = "".join(f"{w} {' '.join(str(random_.random()) for _ in range(50))}\n" for w in words)
    (folder / "glove.6B.50d.txt.gz").write_bytes(gzip.compress(vectors.encode(), mtime=0))
    months = "".join(f"{i},{100 + i + 10 * (i % 12)}\n" for i in range(120))
    write(folder / "passengers.csv", "month,passengers\n" + months)
    for name in ("configs", "scripts"):
        (folder / name).symlink_to(ROOT / name)


def teachers():
    """Make what three teachers say about the same texts."""
    texts = [f"N{i} {'takes aspirin' if i % 2 else 'met nobody'}." for i in range(24)]
    drug = {"text": "aspirin", "label": "DRUG"}

    def records(spans, count=24):
        return [{"text": text, "spans": spans(i, text)} for i, text in enumerate(texts[:count])]

    def of_gpt(i, text):
        return [drug] if i % 2 else [{"text": f"N{i}", "label": "PER"}]

    def of_drugs(i, text):
        start = text.find("aspirin")
        return [{"start": start, "end": start + 7, "label": "DRUG"}] if i % 2 else []

    def of_anna(i, text):
        return [{"start": 0, "end": 2, "label": "PER"}]

    return {"gpt": records(of_gpt), "drugs": records(of_drugs), "anna": records(of_anna, 6)}


def gold():
    """Make what is true of some of these texts, and of others."""
    texts = [f"N{i} {'takes aspirin' if i % 2 else 'met nobody'}." for i in range(30)]

    def spans(i, text):
        found = [{"text": f"N{i}", "start": 0, "end": text.find(" "), "label": "PER"}]
        start = text.find("aspirin")
        return [*found, {"start": start, "end": start + 7, "label": "DRUG"}] if i % 2 else found

    records = [{"text": text, "spans": spans(i, text)} for i, text in enumerate(texts)]
    return {"gold": records[:6], "dev": records[24:]}


def write(path, text):
    path.write_text(text, encoding="utf-8")


def conll_rows(sentence):
    tags = sentence.column("ner")
    return "".join(f"{t} {tag}\n" for t, tag in zip(sentence.tokens, tags, strict=True))


def conllu_rows(sentence):
    kinds = (("PROPN" if t.istitle() else "NOUN") if t.isalpha() else "X" for t in sentence.tokens)
    pairs = enumerate(zip(sentence.tokens, kinds, strict=True), 1)
    return "".join(f"{i}\t{t}\t_\t{kind}" + "\t_" * 6 + "\n" for i, (t, kind) in pairs)


@pytest.fixture(autouse=True)
def level_of_the_log():
    """Undo what an example does to the log."""
    yield
    logging.getLogger("ner").setLevel(logging.NOTSET)


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Train small models; the folder has a run of each by its name in docs."""
    folder = tmp_path_factory.mktemp("docs")
    write_files(folder)
    with contextlib.chdir(folder):
        for name, arguments in MODELS.items():
            call(quick(["ner", "train", *arguments, "--out", f"runs/{name}"]))
    shutil.copytree(folder / "runs" / "names", folder / "runs" / "sample")
    return folder / "runs"


def made_by(page):
    """Name the runs that a page makes itself."""
    text = page.read_text(encoding="utf-8")
    return re.findall(r"--out runs/([\w-]+)|out=\"runs/([\w-]+)|train configs/(\w+)\.toml", text)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_examples_of_a_page_run_in_their_order(page, models, tmp_path, monkeypatch):
    for name in OTHERS:
        if re.search(rf"^(import|from) {name}\b", page.read_text(encoding="utf-8"), re.MULTILINE):
            pytest.importorskip(name, reason=f"the examples of this page need {name}")
    made = {name for names in made_by(page) for name in names}
    monkeypatch.chdir(tmp_path)
    write_files(tmp_path)
    for run in models.iterdir():
        if run.name not in made:
            shutil.copytree(run, tmp_path / "runs" / run.name)
    train, extend, distil = ner.train, ner.extend, ner.distil
    monkeypatch.setattr(ner, "train", lambda *a, **k: train(*a, **k, set=QUICK, progress=False))
    short = {"set": {"training.epochs": 1}, "progress": False}
    monkeypatch.setattr(ner, "extend", lambda *a, **k: extend(*a, **k, **short))
    tiny = {"set": QUICK, "progress": False}
    monkeypatch.setattr(ner, "distil", lambda *a, **k: distil(*a, **k, **tiny))
    names = {"__name__": page.stem}
    for example in docs_examples.examples(page):
        if example.language == "json":
            assert all(json.loads(line) for line in example.text.splitlines())
        elif example.language == "python":
            padding = "\n" * (example.line - 1)
            exec(compile(padding + example.text, str(page), "exec"), names)
        elif example.language == "sh" and example.not_run is None:
            for words, files in commands(example):
                run_command(words, files, ids(example))


def run_command(words, files, where):
    if words[0] in INSTALLERS:  # the tests run in what they would make
        return
    assert words[0] == "ner" or words[1].startswith("scripts/"), f"{where}: say why it is not run"
    stdin = Path(files["<"]).read_bytes() if "<" in files else b""
    out = call(quick(words), stdin)
    if ">" in files:
        write(Path(files[">"]), out)


def test_python_examples_are_written_on_the_lines_of_their_page(tmp_path):
    written = docs_examples.write_python(tmp_path)
    assert {path.name for path in written} >= {"example_readme.py", "example_tag.py"}
    page = (ROOT / "docs" / "tag.md").read_text(encoding="utf-8").splitlines()
    code = (tmp_path / "example_tag.py").read_text(encoding="utf-8").splitlines()
    assert any(code)
    assert all(line in ("", page[number]) for number, line in enumerate(code))
