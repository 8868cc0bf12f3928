import json

import pytest
from typer.testing import CliRunner

from ner.cli.data import data_app
from ner.errors import ConfigError, DataError

CLEAN = "Ada\tB-PER\nLovelace\tI-PER\nleft\tO\n\nParis\tB-LOC\n\n"
ILLEGAL = "Ada\tB-PER\nleft\tI-LOC\n\nEve\tB-PER\nsaid\tI-PER\n\n"
ODD = "Ada\tB-PER\nleft\tO \n\n"


def call(*arguments):
    result = CliRunner().invoke(data_app, [str(argument) for argument in arguments])
    if isinstance(result.exception, Exception):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture
def write(tmp_path):
    def to(name, text):
        (tmp_path / name).write_bytes(text.encode())
        return tmp_path / name

    return to


@pytest.mark.parametrize(
    ("text", "options", "code"),
    [
        pytest.param(CLEAN, [], 0, id="clean"),
        pytest.param(CLEAN, ["--strict"], 0, id="clean and strict"),
        pytest.param(ODD, [], 0, id="odd"),
        pytest.param(ODD, ["--strict"], 1, id="odd and strict"),
        pytest.param(ILLEGAL, [], 1, id="illegal"),
        pytest.param(CLEAN, ["--scheme", "BIOES"], 1, id="clean in another scheme"),
        pytest.param(CLEAN * 2, ["--strict"], 0, id="twice the same and strict"),
    ],
)
def test_the_exit_code_says_whether_all_is_well(write, text, options, code):
    assert call("check", write("a.conll", text), *options)[0] == code


def test_a_check_prints_its_findings_and_a_sum(write):
    path = write("a.conll", ILLEGAL)
    _, stdout, stderr = call("check", "--train", path, "--dev", write("b.conll", CLEAN))
    assert f"{path}:2: 'left': I-LOC after B-PER is illegal in BIO" in stdout
    assert stdout.splitlines()[0].startswith("train: conll, 2 sentences, 4 tokens, 3 entities")
    assert stdout.splitlines()[-1] == "1 error, 0 warnings, 0 notes."
    assert stderr == ""


def test_a_check_as_json_has_every_place(write):
    path = write("a.conll", "a O \n" * 9)
    assert len(json.loads(call("check", path, "--json")[1])["findings"][0]["places"]) == 9
    known = json.loads(call("check", path, "--json", "--examples", 2)[1])
    assert (known["findings"][0]["count"], len(known["findings"][0]["places"])) == (9, 2)
    assert call("check", path)[1].count(f"{path}:") == 5
    assert call("check", path, "--examples", 0)[1].count(f"{path}:") == 11


def test_a_fix_says_what_it_changed(write, tmp_path):
    path, out = write("a.conll", ILLEGAL), tmp_path / "b.conll"
    code, stdout, stderr = call("check", path, "--fix", out, "--json")
    assert code == 1
    assert stderr == f"{out}: written from {path}; changed: 1 tags.\n"
    assert json.loads(stdout)["fixed"][0]["changes"]["tags"] == 1
    assert call("check", out)[0] == 0
    assert call("check", out, "--fix", tmp_path / "c")[2].endswith("changed: nothing.\n")


def test_files_are_needed_and_each_once(write):
    for command in ("check", "stats"):
        with pytest.raises(ConfigError, match=r"^FILE: at least one is required, or --train"):
            call(command)
        path = write("a.conll", CLEAN)
        with pytest.raises(ConfigError, match=r"^FILE: each may be named only once\. Got"):
            call(command, path, path)


def test_stats_are_printed_as_text_json_and_picture(write, tmp_path):
    path, picture = write("a.conll", CLEAN), tmp_path / "a.png"
    _, stdout, _ = call("stats", "--train", path, "--plot", picture)
    assert "  sentences         2  (mean 2.00" in stdout
    assert picture.read_bytes().startswith(b"\x89PNG")
    known = json.loads(call("stats", path, "--json")[1])
    assert known["files"][0]["labels"] == {"PER": 1, "LOC": 1}


def test_stats_refuse_what_cannot_be_read_and_say_what_is_not_counted(write):
    with pytest.raises(DataError, match=r"a\.conll:2: a tag must be O"):
        call("stats", write("a.conll", "a O\nb PER\n\nc O\n"))
    path = write("a.jsonl", '{"text": "Ada", "spans": [[0, 2, "PER"]]}\n')
    assert "1 changes. The first: " in call("stats", path)[2]


def test_a_split_says_what_is_where(write, tmp_path):
    path = write("a.conll", "".join(f"w{i}\tB-X\n\n" for i in range(10)))
    out = tmp_path / "out"
    _, stdout, stderr = call("split", path, "--out", out, "--ratios", 80, 20, 0)
    assert (stdout.splitlines(), stderr) == (
        [
            f"{out}/train.conll: 8 sentences, 8 tokens, 8 labels.",
            f"{out}/dev.conll: 2 sentences, 2 tokens, 2 labels.",
        ],
        "",
    )
    known = json.loads(call("split", path, "--out", tmp_path / "b", "--seed", 1, "--json")[1])
    assert [file["sentences"] for file in known["files"]] == [8, 1, 1]
    documents = write("b.conll", "-DOCSTART- O\n\na O\n\n" * 3 + "-DOCSTART- O\n")
    assert ": 1 documents, 1 sentences" in call("split", documents, "--out", tmp_path / "c")[1]


def test_a_split_says_where_fields_are_left_out(write, tmp_path):
    path = write("a.json", '[{"text": "a", "more": 1}, {"text": "b"}]')
    _, _, stderr = call("split", path, "--out", tmp_path / "out", "--ratios", 1, 1, 0)
    assert stderr == (
        f"{path}: the output is written from the sentences alone. Other fields of json files are "
        "left out.\n"
    )
    path = write("a.csv", "text,label,more\na,x,1\nb,x,2\n")
    assert call("split", path, "--out", tmp_path / "csv", "--ratios", 1, 1, 0)[2] == ""


def test_a_sample_goes_to_standard_output_or_a_file(write, tmp_path):
    path = write("a.conll", CLEAN)
    assert call("sample", path, "-n", 2)[1] == CLEAN
    call("sample", path, "-n", 1, "--seed", 3, "--out", tmp_path / "b.conll")
    assert (tmp_path / "b.conll").read_text() in (CLEAN[:-13], "Paris\tB-LOC\n\n")
    with pytest.raises(ConfigError, match=r"^OUT: must be another file than the input\. Got"):
        call("sample", path, "-n", 1, "--out", path)
    assert path.read_text() == CLEAN
    csv = write("a.csv", "text,label\na,x\nb,x\n")
    assert call("sample", csv, "-n", 1)[1].splitlines()[0] == "text,label"


def test_pretokenized_texts_are_cut_at_blanks(write):
    path = write("a.jsonl", '{"text": "wo n\'t, do"}\n')
    assert json.loads(call("stats", path, "--pretokenized", "--json")[1])["files"][0]["tokens"] == 3
    with pytest.raises(ConfigError, match=r"^--tokenizer: .* without --pretokenized\. Got both"):
        call("stats", path, "--pretokenized", "--tokenizer", "ud")


@pytest.mark.parametrize(("rules", "tokens"), [("conll", 7), ("character", 10)])
def test_texts_are_cut_by_the_rules_named(write, rules, tokens):
    path = write("a.jsonl", '{"text": "生于1963年，好。"}\n')
    (file,) = json.loads(call("stats", path, "--tokenizer", rules, "--json")[1])["files"]
    assert file["tokens"] == tokens
