import json
import os
import shutil
import signal
import subprocess
import sys

import pytest

from ner.cli import main
from tests.cli.helpers import CONLL, fails, write


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["tag", "--help"], ["config", "--help"]],
    ids=["ner", "ner tag", "ner config"],
)
def test_help_is_no_failure(run, arguments):
    code, out, err = run(*arguments)
    assert (code, err) == (0, "")
    assert "Usage: ner" in out


def test_no_command_is_a_question_for_help(run):
    code, out, err = run()
    assert (code, err) == (2, "")
    assert "Usage: ner" in out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param(
            ["tg"], "ner: No such command 'tg'. Did you mean 'tag'?", id="a mistyped command"
        ),
        pytest.param(
            ["classify"], "ner classify: --model is required: a model folder", id="no classifier"
        ),
        pytest.param(["info"], "ner info: Missing argument 'MODEL'.", id="no argument"),
        pytest.param(
            ["info", "m", "x"],
            "ner info: Got unexpected extra argument",
            id="too many arguments",
        ),
        pytest.param(
            ["tag", "x", "--formt", "text"],
            "ner tag: No such option: --formt",
            id="a mistyped option",
        ),
        pytest.param(
            ["tag", "--model", "m", "x", "--format", "txt"],
            "Got 'txt'. Did you mean 'text'?",
            id="a mistyped format",
        ),
        pytest.param(
            ["tag", "--model", "m", "x", "--columns", "token"],
            "ner tag: --columns is for files with columns. Got text.",
            id="columns of a text",
        ),
        pytest.param(
            ["eval"],
            "ner eval: MODEL and FILE are required, or --predictions FILE.",
            id="eval without model",
        ),
        pytest.param(
            ["eval", "m", "f", "--scheme", "BIO"],
            "ner eval: --scheme is for --predictions",
            id="eval, a scheme without predictions",
        ),
        pytest.param(
            ["eval", "m", "--predictions", "f"],
            "ner eval: --predictions FILE takes no MODEL",
            id="eval, predictions beside a model",
        ),
        pytest.param(
            ["eval", "--predictions", "f", "--format", "jsonl"],
            "--predictions FILE takes no MODEL",
            id="eval, predictions beside a format",
        ),
        pytest.param(
            ["train"],
            "data.train: a file, a folder, hub:NAME or sample:train. Got none.",
            id="train without corpus",
        ),
        pytest.param(
            ["train", "--seeds", "0"], "ner train: Invalid value for '--seeds'", id="train, no seed"
        ),
        pytest.param(
            ["train", "--set", "seed"],
            "--set: must be key=value, such as encoder.size=100. Got 'seed'.",
            id="train, a setting without value",
        ),
        pytest.param(
            ["train", "--set", "sed=3"],
            "sed: unknown key. Did you mean 'seed'?",
            id="train, a mistyped setting",
        ),
        pytest.param(
            ["train", "none.toml"],
            "none.toml: no such file or directory.",
            id="train, no such file",
        ),
        pytest.param(
            ["config", "show", "none.toml"],
            "none.toml: no such file or directory.",
            id="config, no such file",
        ),
    ],
)
def test_a_wrong_call_is_one_line_and_code_2(run, arguments, words):
    fails(run(*arguments), 2, words)
    assert os.listdir() in ([], ["runs"])  # noqa: PTH208


@pytest.mark.parametrize(
    "command",
    ["tag x --model MODEL", "eval MODEL sample:test", "info MODEL"],
    ids=["tag", "eval", "info"],
)
def test_a_bad_model_is_one_line_and_code_1(run, tiny_model, command):
    fails(
        run(*command.replace("MODEL", "none").split()), 1, "none: no such folder, and no installed"
    )
    shutil.copytree(tiny_model, "copy")
    write("copy/labels.json", "{}")
    words = command.replace("MODEL", "copy").split()
    fails(run(*words), 1, "copy: labels.json was changed after it was written.")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        pytest.param("", "x.conll: no sentences. At least one is needed.", id="no sentences"),
        pytest.param(
            "Paris PER\n",
            "x.conll:1: a tag must be O or a prefix (one of B I E S M L U), a hyphen",
            id="a tag without prefix",
        ),
        pytest.param("Paris\n", "x.conll:1: gold data must have tags. Got none.", id="no tags"),
        pytest.param(b"caf\xe9 O\n", "x.conll:1: not UTF-8: byte 0xe9 at column 4", id="latin-1"),
    ],
)
def test_data_that_cannot_be_evaluated_are_one_line_and_code_1(run, tiny_model, content, words):
    fails(run("eval", tiny_model, write("x.conll", content)), 1, words)


def test_an_evaluation_is_a_table_or_json(run, tiny_model):
    name = write("x.conll", CONLL)
    code, out, err = run("eval", tiny_model, name)
    assert (code, err) == (0, "")
    assert out.startswith("x.conll: 2 sentences, 4 tokens\n")
    _, out, _ = run("eval", tiny_model, name, "--json", "--columns", "token - ner")
    assert json.loads(out)["micro"]["support"] == 2


def test_an_evaluation_lists_what_it_skipped(run, tiny_model):
    name = write("x.conll", CONLL + "\nParis NNP PER\n")
    code, out, err = run("eval", tiny_model, name, "--on-error", "skip")
    assert code == 0
    assert out.startswith("x.conll: 2 sentences")
    assert err.startswith("skipped: x.conll:9: ")


def test_predictions_are_scored_without_a_model(run):
    name = write("x.conll", "a B-PER B-PER\nb I-PER O\n")
    code, out, _ = run("eval", "--predictions", name, "--json", "--scheme", "BIO")
    assert (code, json.loads(out)["default"]["f1"]) == (0, 0.0)
    fails(run("eval", "--predictions", "none"), 1, "none: no such file.")


def test_predictions_are_read_in_their_encoding(run):
    name = write("x.conll", "Köln B-LOC B-LOC\n".encode("latin-1"))
    fails(run("eval", "--predictions", name), 1, "x.conll:1: not UTF-8: byte 0xf6 at column 2")
    code, out, _ = run("eval", "--predictions", name, "--encoding", "latin-1", "--json")
    assert (code, json.loads(out)["default"]["f1"]) == (0, 1.0)


def test_info_says_what_a_model_is(run, tiny_model):
    code, out, _ = run("info", tiny_model)
    assert code == 0
    facts = dict(line.split(maxsplit=1) for line in out.splitlines())
    assert (facts["scheme"], facts["data.train.sentences"]) == ("BIOES", "20")
    assert json.loads(run("info", tiny_model, "--json")[1])["scheme"] == "BIOES"


def test_settings_are_shown_as_a_file_that_can_be_used(run):
    code, out, _ = run("config", "show")
    assert (code, "[training]" in out) == (0, True)
    assert run("config", "show", write("all.toml", out))[1] == out


@pytest.mark.parametrize(
    "command", ["tag text --model MODEL", "eval MODEL sample:dev"], ids=["tag", "eval"]
)
def test_an_unknown_device_is_code_2(run, tiny_model, command):
    words = command.replace("MODEL", str(tiny_model)).split()
    fails(run(*words, "--device", "gpu"), 2, "device: must be auto, cpu, cuda")


def test_bad_training_data_are_one_line_and_code_1(run):
    fails(run("train", "--train", "none"), 1, "none: no such file.")
    fails(run("train", "--train", write("x", "Paris PER\n")), 1, "x:1: a tag must be O or a prefix")
    fails(run("train", "--train", write("y", "Paris\n")), 1, "y:1: train data must have tags.")


@pytest.mark.parametrize(
    ("arguments", "content", "words"),
    [
        pytest.param(
            "train --train a.conll",
            "Paris PER\n",
            "Got 'PER'. Labels without prefixes are learned with --task tag --target ner.",
            id="tags without prefixes",
        ),
        pytest.param(
            "data check a.conll",
            "Paris PER\n",
            "Labels without prefixes are learned with --task tag --target ner.",
            id="tags without prefixes, checked",
        ),
        pytest.param(
            "train --train a.txt",
            "x Ada left.\ny Bob met Ada.\nx Bob left.\nx He met Bob at home.\n",
            "a.txt:1: train data must have tags. Got none. Labels of texts are learned with "
            "--task classify.",
            id="no task for labels of texts",
        ),
        pytest.param(
            "train --task classify --train a.conll",
            "Paris B-LOC\n",
            "Got none. Tags of tokens are learned with --task ner.",
            id="no task for tags",
        ),
        pytest.param(
            "train --task tag --train a.conll",
            "Paris LOC\n",
            "such as upos, must be named with --target. Got none.",
            id="no target",
        ),
        pytest.param(
            "train --task tag --target pos --columns token,upos --train a.conll",
            "Paris LOC\n",
            "a column 'pos' is needed. Got the columns upos. Name it with --columns, or choose "
            "another one with --target.",
            id="another column",
        ),
        pytest.param(
            "train a.conll",
            "Paris B-LOC\n",
            "If it is a corpus, name it with --train.",
            id="a corpus in place of a configuration",
        ),
        pytest.param(
            "train --task classify --train a.jsonl",
            '{"text": "a", "labels": ["x", "y"]}\n',
            "Got ['x', 'y']. Texts with several or none need --set head.multi_label=true.",
            id="several labels",
        ),
        pytest.param(
            "train --task classify --train a.jsonl --set head.multi_label=true",
            '{"text": "a", "labels": ["x"]}\n{"text": "b"}\n',
            "a.jsonl:2: train data must have labels. Got none. For a text that has none, write an "
            "empty list: [].",
            id="no labels among several",
        ),
        pytest.param(
            "train --task classify --train a.jsonl",
            '{"text": "a", "labels": ["x"]}\n{"text": "b"}\n',
            "a.jsonl:2: train data must have labels. Got none. Leave the text out.",
            id="no label",
        ),
    ],
)
def test_a_message_says_what_to_do(run, arguments, content, words):
    words_ = arguments.split()
    write(next(word for word in words_ if word.startswith("a.")), content)
    code, out, err = run(*words_)
    assert code != 0
    assert words in out + err


def test_a_folder_that_is_taken_or_cannot_be_made_is_refused(run):
    os.mkdir("taken")  # noqa: PTH102
    write("taken/x", "")
    train = ["train", "--train", "sample:dev", "--out"]
    fails(run(*train, "taken"), 1, "taken: a new run needs a new or empty folder.")
    fails(run(*train, "taken/x"), 1, "taken/x: the folder of a run. Got a file.")
    fails(run(*train, "taken/x/y"), 1, "taken/x/y")


def test_a_training_reports_on_stdout_and_progresses_on_stderr(run):
    settings = ["words.size=4", "affixes.rows=8", "encoder.size=4", "training.epochs=1"]
    options = [word for setting in settings for word in ("--set", setting)]
    name = write("x.conll", CONLL)
    code, out, err = run("train", "--train", name, "--dev", name, "--out", "o", "--json", *options)
    assert (code, json.loads(out)["model"]) == (0, "o/model")
    assert "epoch   1" in err
    assert run("tag", "Awa Badjie", "--model", "o/model")[0] == 0


def test_all_options_of_a_training_reach_its_settings(run):
    settings = ["words.size=4", "affixes.rows=8", "encoder.size=4", "training.epochs=1"]
    options = [word for setting in settings for word in ("--set", setting)]
    name = write("x.conll", CONLL + "\nParis NNP PER\n")
    data = ["--train", name, "--dev", name, "--columns", "token pos ner", "--on-error", "skip"]
    code, out, err = run(
        *("train", *data, "--out", "o", "--seeds", "2", "--device", "cpu", *options)
    )
    assert (code, out.count("\nseed 2 ")) == (0, 1)
    assert "skipped: x.conll:9: " in err
    with open("o/seed-1/config.toml", encoding="utf-8") as file:
        text = file.read()
    for line in ('columns = ["token", "pos", "ner"]', 'on_error = "skip"', 'device = "cpu"'):
        assert line in text


def test_usual_settings_are_options(run):
    settings = ["words.size=4", "affixes.rows=8", "encoder.size=4"]
    options = [word for setting in settings for word in ("--set", setting)]
    name = write("x.conll", CONLL)
    words = ["--train", name, "--dev", name, "--epochs", 3, "--batch-size", 1, "--seed", 5]
    code, out, err = run("train", *words, "--out", "o", "--json", *options)
    assert (code, json.loads(out)["model"], err.count("epoch ")) == (0, "o/model", 3)
    with open("o/config.toml", encoding="utf-8") as file:
        lines = file.read().splitlines()
    assert {"seed = 5", "epochs = 3", "batch_size = 1"} <= set(lines)
    code, out, _ = run("train", *words, "--out", "p", "--seeds", 2, *options)
    assert (code, out.count("seed 5 "), out.count("seed 6 ")) == (0, 1, 1)


def test_a_bug_keeps_its_traceback(run, tiny_model, monkeypatch):
    monkeypatch.setattr("ner.inference.loading.load", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        main(["tag", "x", "--model", str(tiny_model)])


def test_an_interrupt_is_code_130(run, tiny_model, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("ner.inference.loading.load", interrupt)
    assert run("tag", "x", "--model", tiny_model) == (130, "", "")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP], ids=["SIGTERM", "SIGHUP"])
def test_a_signal_ends_a_command_as_an_error_does(run, tiny_model, monkeypatch, number):
    def end(*_, **__):
        signal.raise_signal(number)

    monkeypatch.setattr("ner.inference.loading.load", end)
    before = signal.signal(number, signal.SIG_DFL)
    try:
        assert run("tag", "x", "--model", tiny_model) == (128 + number, "", "")
    finally:
        signal.signal(number, before)


def test_a_model_is_exported_and_what_int8_costs_is_said(run, tiny_model, tmp_path):
    folder = shutil.copytree(tiny_model, tmp_path / "copy")
    fails(
        run("tag", "Ada", "--model", folder, "--precision", "int8"),
        1,
        f"ner export {folder} --int8",
    )
    fails(
        run("tag", "Ada", "--model", folder, "--precision", "int8", "--runtime", "torch"),
        2,
        "precision: ",
    )
    fails(
        run("tag", "Ada", "--model", folder, "--device", "cuda", "--runtime", "onnx"), 2, "device: "
    )
    code, out, err = run("export", folder, "--int8", "--dev", "sample:dev")
    assert (code, err) == (0, "")
    assert out.count("\n") == 2
    assert "model.int8.onnx: F1 with int8" in out
    assert run("tag", "Ada", "--model", folder, "--precision", "int8")[0] == 0
    code, out, _ = run("export", folder, "--json")
    assert code == 0
    assert json.loads(out)["int8"]["int8"] is None  # measured again, now on made-up words
    shutil.rmtree(folder / "vocabulary")
    fails(run("export", folder), 1, "vocabulary/")


def ner_process(*arguments, **options):
    program = "import sys; from ner.cli import main; main(sys.argv[1:])"
    command = [sys.executable, "-c", program, *map(str, arguments)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, **options)


def test_a_reader_that_has_seen_enough_is_no_failure(tiny_model, tmp_path):
    name = tmp_path / "long.txt"
    name.write_text("Awa Badjie left.\n" * 20_000)
    words = ("tag", name, "--format", "lines", "--model", tiny_model)
    with ner_process(*words, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline().startswith('{"text"')
        process.stdout.close()
        assert (process.stderr.read(), process.wait()) == ("", 0)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")  # noqa: PTH110
def test_a_full_disk_is_one_line_and_code_1(tiny_model):
    with open("/dev/full", "w") as full, ner_process("info", tiny_model, stdout=full) as process:
        assert (process.stderr.read(), process.wait()) == ("output: no space left on device.\n", 1)
