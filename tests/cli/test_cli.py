import io
import json
import os
import shutil
import subprocess
import sys

import pytest

import ner
from ner.cli import main
from ner.cli.inputs import ENDINGS
from ner.data.formats.registry import FORMATS
from tests.tolerance import small_model_bound

CONLL = """-DOCSTART- -X- O

Awa NNP B-PER
Badjie NNP I-PER
left VBD O

ZIGUINCHOR NNP B-LOC
"""


@pytest.fixture
def run(capsys, monkeypatch, tmp_path):
    """Run a command in an empty folder; gives its exit code and what it wrote."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments, stdin=b""):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        with pytest.raises(SystemExit) as exit_:
            main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return exit_.value.code, out, err

    return call


@pytest.fixture
def model(tiny_model):
    return tiny_model


def fails(result, code, words):
    """Check that a command failed with one line that holds certain words, and no other output."""
    assert result[0] == code
    assert result[1] == ""
    assert result[2].count("\n") == 1
    assert words in result[2]


def records(output):
    return [json.loads(line) for line in output.removesuffix("\n").split("\n")]


def write(name, content):
    with open(name, "wb") as file:
        file.write(content.encode() if isinstance(content, str) else content)
    return name


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
        pytest.param(["tag"], "ner tag: Missing argument 'model'.", id="no model"),
        pytest.param(
            ["tag", "m", "x", "y"],
            "ner tag: Got unexpected extra argument",
            id="too many arguments",
        ),
        pytest.param(
            ["tag", "m", "--formt", "text"],
            "ner tag: No such option: --formt",
            id="a mistyped option",
        ),
        pytest.param(
            ["tag", "m", "x", "--format", "txt"],
            "format: must be one of text, lines,",
            id="a mistyped format",
        ),
        pytest.param(
            ["tag", "m", "x", "--columns", "token"],
            "ner tag: --columns names those of conll",
            id="columns of a text",
        ),
        pytest.param(
            ["eval"],
            "ner eval: needs MODEL and FILE, or --predictions FILE.",
            id="eval without model",
        ),
        pytest.param(
            ["eval", "m", "f", "--scheme", "BIO"],
            "ner eval: --scheme is for --predictions",
            id="eval, a scheme without predictions",
        ),
        pytest.param(
            ["eval", "m", "--predictions", "f"],
            "ner eval: --predictions FILE takes no model",
            id="eval, predictions beside a model",
        ),
        pytest.param(
            ["eval", "--predictions", "f", "--format", "jsonl"],
            "--predictions FILE takes no model",
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
            "--set: key=value, such as encoder.size=100. Got 'seed'.",
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


def test_a_text_is_tagged(run, model):
    code, out, err = run("tag", model, "Awa Badjie left.")
    assert (code, err) == (0, "")
    (record,) = records(out)
    assert record["text"] == "Awa Badjie left."
    assert [(s["text"], s["label"]) for s in record["spans"]] == [("Awa Badjie", "PER")]


def test_lines_are_tagged_one_by_one_with_blank_ones(run, model):
    name = write("lines.txt", b"\xef\xbb\xbfAwa Badjie left.\r\n\r\n   \r\nZIGUINCHOR")
    code, out, _ = run("tag", model, name)
    assert code == 0
    assert [r["text"] for r in records(out)] == ["Awa Badjie left.", "", "   ", "ZIGUINCHOR"]


def test_a_text_file_is_one_text(run, model):
    name = write("text.txt", "Awa Badjie\nleft.\n")
    _, out, _ = run("tag", model, name, "--format", "text")
    assert [r["text"] for r in records(out)] == ["Awa Badjie\nleft."]


def test_a_text_on_the_command_line_may_have_lines(run, model):
    _, out, _ = run("tag", model, "Awa\nBadjie", "--format", "lines")
    assert [r["text"] for r in records(out)] == ["Awa", "Badjie"]
    _, out, _ = run("tag", model, "Awa\r\nBadjie")
    assert [r["text"] for r in records(out)] == ["Awa\r\nBadjie"]


def test_standard_input_is_read_by_default(run, model):
    _, out, _ = run("tag", model, stdin=b"Awa Badjie\nleft\n")
    assert [r["text"] for r in records(out)] == ["Awa Badjie", "left"]
    assert run("tag", model, stdin=b"") == (0, "", "")


@pytest.mark.parametrize(
    "text",
    ["", " ", "word " * 2000, "x" * 50_000, "😀 \u2028", "U.S./UK"],
    ids=[
        "empty",
        "a blank",
        "many words",
        "one long word",
        "an emoji and a line separator",
        "a slash",
    ],
)
def test_any_text_is_a_text(run, model, text):
    code, out, _ = run("tag", model, text)
    assert (code, records(out)[0]["text"]) == (0, text)


@pytest.mark.parametrize(
    "name",
    ["none.txt", "none.conll", "eng.testa", "./none", "/none/x"],
    ids=["txt", "conll", "eng.testa", "relative path", "absolute path"],
)
def test_a_text_that_looks_like_a_file_is_taken_for_one(run, model, name):
    fails(run("tag", model, name), 1, f"{name}: no such file. If it is a text, say --format text.")
    assert run("tag", model, name, "--format", "text")[0] == 0


def test_conll_gets_a_last_column_and_keeps_its_rows(run, model):
    name = write("x.conll", CONLL)
    code, out, _ = run("tag", model, name)
    assert code == 0
    given, tagged = CONLL.splitlines(), out.splitlines()
    assert len(given) == len(tagged)
    for row, longer in zip(given, tagged, strict=True):
        assert longer == (f"{row} {longer.rpartition(' ')[2]}" if row else "")
    assert tagged[2].endswith(" B-PER B-PER")
    ends = {"BIOES": "E", "BMES": "E", "BILOU": "L", "IOB1": "I", "IOB2": "I"}
    for scheme, prefix in ends.items():
        _, other, _ = run("tag", model, name, "--scheme", scheme)
        assert other.splitlines()[3].endswith(f" I-PER {prefix}-PER")


@pytest.mark.parametrize("name", ["conll", "jsonl"])
def test_files_that_are_columns_or_records_elsewhere_are_so_here(name):
    assert set(FORMATS[name].endings) <= set(ENDINGS[name])


def test_conll_keeps_its_rows_whatever_its_line_ends(run, model):
    _, expected, _ = run("tag", model, write("x.conll", CONLL))
    windows = b"\xef\xbb\xbf" + CONLL.replace("\n", "\r\n").encode()
    assert run("tag", model, write("y.conll", windows))[1] == expected
    assert run("tag", model, "-", "--format", "conll", stdin=CONLL.encode())[1] == expected


def test_conll_becomes_any_other_output(run, model):
    name = write("x.conll", CONLL)
    _, out, _ = run("tag", model, name, "--output", "jsonl")
    assert [r["text"] for r in records(out)] == ["Awa Badjie left", "ZIGUINCHOR"]
    _, out, _ = run("tag", model, name, "--output", "pretty")
    assert out.startswith("[Awa Badjie PER 0.")
    assert "\x1b" not in out
    _, out, _ = run("tag", model, name, "--output", "tsv")
    header, row, *_ = (line.split("\t") for line in out.splitlines())
    assert header == ["number", "start", "end", "label", "score", "text"]
    assert row[:4] + row[5:] == ["1", "0", "10", "PER", "Awa Badjie"]


def test_a_table_has_a_row_an_entity_whatever_is_in_it(run, model):
    _, out, _ = run("tag", model, "Awa\tBadjie\nAwa\\Badjie", "--output", "tsv")
    assert all(line.count("\t") == 5 for line in out.splitlines())


def test_json_lines_keep_names_and_count(run, model):
    lines = '{"id": "a", "text": "Awa Badjie"}\n\n{"text": ""}\n{"text": "a \\ud800 Awa"}\n'
    code, out, _ = run("tag", model, write("x.jsonl", lines))
    assert code == 0
    assert [(r.get("id"), r["text"]) for r in records(out)] == [
        ("a", "Awa Badjie"),
        (None, ""),
        (None, "a \ud800 Awa"),
    ]


@pytest.mark.parametrize("output", ["conll", "tsv", "pretty"])
def test_halves_of_pairs_can_be_printed(run, model, output):
    name = write("x.jsonl", '{"text": "Awa \\ud800 Badjie"}')
    code, out, _ = run("tag", model, name, "--output", output)
    assert code == 0
    out.encode("utf-8")


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        pytest.param(
            "a.txt", b"caf\xe9", "a.txt:1: not UTF-8: byte 0xe9 at column 4", id="text, latin-1"
        ),
        pytest.param(
            "a.conll",
            b"a O\ncaf\xe9 O",
            "a.conll:2: not UTF-8: byte 0xe9 at column 4",
            id="conll, latin-1",
        ),
        pytest.param(
            "a.conll",
            "a\nb O",
            "a.conll:2: 2 columns, but the line before has 1.",
            id="conll, one column",
        ),
        pytest.param(
            "a.jsonl",
            '{"txt": "a"}',
            "a.jsonl:1: text: must be a string. Got None.",
            id="jsonl, no text",
        ),
        pytest.param("a.jsonl", "{", "a.jsonl:1: not JSON: ", id="jsonl, no JSON"),
    ],
)
def test_bad_input_is_one_line_and_code_1_or_skipped(run, model, name, content, words):
    write(name, content)
    fails(run("tag", model, name), 1, words)
    code, _, err = run("tag", model, name, "--on-error", "skip")
    assert code == 0
    assert err.startswith(f"skipped: {words}")
    assert err.endswith("1 skipped.\n")


@pytest.mark.parametrize("name", ["a.txt", "a.csv"])
def test_files_are_read_in_their_encoding(run, model, name):
    write(name, "text,label\nKöln,x\n".encode("latin-1"))
    code, out, _ = run("tag", model, name, "--encoding", "latin-1", "--output", "jsonl")
    assert code == 0
    assert json.loads(out.splitlines()[-1])["text"].startswith("Köln")
    fails(run("tag", model, name, "--encoding", "latin-0"), 2, "encoding: a name that Python")


def test_a_folder_is_no_text(run, model):
    fails(run("tag", model, "."), 1, ".: a directory, but a file is expected.")


@pytest.mark.parametrize("name", ["empty.conll", "empty.jsonl", "empty.txt"])
def test_an_empty_file_gives_an_empty_answer(run, model, name):
    write(name, "")
    assert run("tag", model, name) == (0, "", "")


@pytest.mark.parametrize(
    "command", [["tag", "x"], ["eval", "sample:test"], ["info"]], ids=["tag", "eval", "info"]
)
def test_a_bad_model_is_one_line_and_code_1(run, model, command):
    name, *rest = command
    fails(run(name, "none", *rest), 1, "none: no such folder.")
    shutil.copytree(model, "copy")
    write("copy/labels.json", "{}")
    fails(run(name, "copy", *rest), 1, "copy: labels.json was changed after it was written.")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        pytest.param("", "x.conll: no sentences. At least one is needed.", id="no sentences"),
        pytest.param(
            "Paris PER\n",
            "x.conll:1: a tag is O or a prefix (one of B I E S M L U), a hyphen",
            id="a tag without prefix",
        ),
        pytest.param("Paris\n", "x.conll:1: gold data must have tags. Got none.", id="no tags"),
        pytest.param(b"caf\xe9 O\n", "x.conll:1: not UTF-8: byte 0xe9 at column 4", id="latin-1"),
    ],
)
def test_data_that_cannot_be_evaluated_are_one_line_and_code_1(run, model, content, words):
    fails(run("eval", model, write("x.conll", content)), 1, words)


def test_an_evaluation_is_a_table_or_json(run, model):
    name = write("x.conll", CONLL)
    code, out, err = run("eval", model, name)
    assert (code, err) == (0, "")
    assert out.startswith("x.conll: 2 sentences, 4 tokens\n")
    _, out, _ = run("eval", model, name, "--json", "--columns", "token - ner")
    assert json.loads(out)["micro"]["support"] == 2


def test_an_evaluation_lists_what_it_skipped(run, model):
    name = write("x.conll", CONLL + "\nParis NNP PER\n")
    code, out, err = run("eval", model, name, "--on-error", "skip")
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


def test_info_says_what_a_model_is(run, model):
    code, out, _ = run("info", model)
    assert code == 0
    facts = dict(line.split(maxsplit=1) for line in out.splitlines())
    assert (facts["scheme"], facts["data.train.sentences"]) == ("BIOES", "20")
    assert json.loads(run("info", model, "--json")[1])["scheme"] == "BIOES"


def test_settings_are_shown_as_a_file_that_can_be_used(run):
    code, out, _ = run("config", "show")
    assert (code, "[training]" in out) == (0, True)
    assert run("config", "show", write("all.toml", out))[1] == out


@pytest.mark.parametrize("command", [["tag", "text"], ["eval", "sample:dev"]], ids=["tag", "eval"])
def test_an_unknown_device_is_code_2(run, model, command):
    name, *rest = command
    fails(run(name, model, *rest, "--device", "gpu"), 2, "device: must be auto, cpu, cuda")


def test_bad_training_data_are_one_line_and_code_1(run):
    fails(run("train", "--train", "none"), 1, "none: no such file.")
    fails(run("train", "--train", write("x", "Paris PER\n")), 1, "x:1: a tag is O or a prefix")
    fails(run("train", "--train", write("y", "Paris\n")), 1, "y:1: train data must have tags.")


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
    assert run("tag", "o/model", "Awa Badjie")[0] == 0


def test_all_options_of_a_training_reach_its_settings(run):
    settings = ["words.size=4", "affixes.rows=8", "encoder.size=4", "training.epochs=1"]
    options = [word for setting in settings for word in ("--set", setting)]
    name = write("x.conll", CONLL + "\nParis NNP PER\n")
    data = ["--train", name, "--dev", name, "--columns", "token pos ner", "--on-error", "skip"]
    code, out, err = run(
        *("train", *data, "--out", "o", "--seeds", "2", "--device", "cpu", *options)
    )
    assert (code, out.count("\nseed 2: dev F1 ")) == (0, 1)
    assert "skipped: x.conll:9: " in err
    with open("o/seed-1/config.toml", encoding="utf-8") as file:
        text = file.read()
    for line in ('columns = ["token", "pos", "ner"]', 'on_error = "skip"', 'device = "cpu"'):
        assert line in text


def test_a_bug_keeps_its_traceback(run, model, monkeypatch):
    monkeypatch.setattr("ner.inference.loading.load", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        main(["tag", str(model), "x"])


def test_an_interrupt_is_code_130(run, model, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("ner.inference.loading.load", interrupt)
    assert run("tag", model, "x") == (130, "", "")


def test_sentences_of_a_text_are_tagged_by_themselves_if_asked(run, model):
    text = "Ada met Bob in Paris. Turing saw Berlin."
    (whole,), (cut,) = (
        records(run("tag", model, text, "--output", "jsonl", *options)[1])
        for options in ((), ("--split-sentences",))
    )
    tagger = ner.load(model)
    assert whole["text"] == cut["text"]
    expected = tagger.tag(text, split=ner.SentenceSplitter()).entities
    assert [(e["start"], e["end"], e["label"]) for e in cut["spans"]] == [
        (e.start, e.end, e.label) for e in expected
    ]
    fails(run("tag", model, text, "--split-sentences", "--language", "English"), 2, "language: ")


@pytest.mark.numeric
@pytest.mark.parametrize(
    "options",
    [("--runtime", "torch"), ("--threads", 1, "--batch-tokens", 7)],
    ids=["torch", "one thread, small batches"],
)
def test_runtime_threads_and_batches_change_no_answer(run, model, options):
    lines = b"Ada met Bob.\n\nTuring saw Berlin in June .\n"
    code, expected, _ = run("tag", model, "-", stdin=lines)
    assert code == 0
    code, found, _ = run("tag", model, "-", *options, stdin=lines)
    assert code == 0
    for one, other in zip(records(found), records(expected), strict=True):
        scores = [[e.pop("score") for e in record["spans"]] for record in (one, other)]
        assert one == other
        assert scores[0] == pytest.approx(scores[1], abs=small_model_bound(len(one["tokens"])))


def test_a_model_is_exported_and_what_int8_costs_is_said(run, model, tmp_path):
    folder = shutil.copytree(model, tmp_path / "copy")
    fails(run("tag", folder, "Ada", "--precision", "int8"), 1, f"ner export {folder} --int8")
    fails(run("tag", folder, "Ada", "--precision", "int8", "--runtime", "torch"), 2, "precision: ")
    fails(run("tag", folder, "Ada", "--device", "cuda", "--runtime", "onnx"), 2, "device: ")
    code, out, err = run("export", folder, "--int8", "--dev", "sample:dev")
    assert (code, err) == (0, "")
    assert out.count("\n") == 2
    assert "model.int8.onnx: F1 with int8" in out
    assert run("tag", folder, "Ada", "--precision", "int8")[0] == 0
    code, out, _ = run("export", folder, "--json")
    assert code == 0
    assert json.loads(out)["int8"]["int8"] is None  # measured again, now on made-up words
    shutil.rmtree(folder / "vocabulary")
    fails(run("export", folder), 1, "vocabulary/")


def ner_process(*arguments, **options):
    program = "import sys; from ner.cli import main; main(sys.argv[1:])"
    command = [sys.executable, "-c", program, *map(str, arguments)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, **options)


def test_a_reader_that_has_seen_enough_is_no_failure(model, tmp_path):
    name = tmp_path / "long.txt"
    name.write_text("Awa Badjie left.\n" * 20_000)
    with ner_process("tag", model, name, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline().startswith('{"text"')
        process.stdout.close()
        assert (process.stderr.read(), process.wait()) == ("", 0)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")  # noqa: PTH110
def test_a_full_disk_is_one_line_and_code_1(model):
    with open("/dev/full", "w") as full, ner_process("info", model, stdout=full) as process:
        assert (process.stderr.read(), process.wait()) == ("output: no space left on device.\n", 1)


def test_any_format_of_corpora_can_be_tagged(run, model):
    row = "1\tAwa\t" + "\t".join("_" * 8)
    for name, content in (
        ("in.conllu", f"{row}\n\n"),
        ("in.csv", "text,label\nAwa left,x\n"),
        ("in.json", '[{"text": "Awa left"}]'),
    ):
        code, out, err = run("tag", model, write(name, content))
        assert (code, len(records(out))) == (0, 1)
        assert err.startswith(f"{name}: read as ")
    named = run("tag", model, write("odd", "x Awa left\n"), "--format", "labels")
    assert records(named[1])[0]["text"] == "Awa left"
