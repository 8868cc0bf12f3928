"""`ner tag-files`."""

import json

import pytest

from ner.bulk.summary import Summary
from tests.bulk.corpora import expected, results, rows, write_jsonl, write_lines


def test_files_are_tagged(run, tmp_path, tiny_model):
    write_jsonl(tmp_path / "a.jsonl", [{**row, "url": "u", "other": 1} for row in rows(4)])
    code, out, err = run(
        *("tag-files", "a.jsonl", "--out", "out", "--model", tiny_model, "--workers", "0"),
        *("--keep", "id, url"),
    )
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        "4 rows, 15 tokens, 0 rows with an error.",
        "1 files of results, 0 of them from before.",
    ]
    found = results(tmp_path / "out")
    assert [row.pop("url") for row in found] == ["u"] * 4
    known = expected(tiny_model, rows(4))
    assert found == [{n: v for n, v in row.items() if n != "text"} for row in known]


def test_the_summary_is_printed_as_json(run, tmp_path, tiny_model):
    write_jsonl(tmp_path / "a.jsonl", [{"body": "Ada left."}])
    code, out, _ = run(
        *("tag-files", "a.jsonl", "--out", "out", "--model", tiny_model, "--workers", "0"),
        *("--json", "--text-column", "body", "--output", "jsonl"),
    )
    assert (code, json.loads(out)["rows"]) == (0, 1)


def test_the_code_is_one_if_a_file_failed(run, tmp_path, tiny_model):
    write_lines(tmp_path / "a.txt.gz", ["a"]).write_bytes(b"\x1f\x8b")
    write_lines(tmp_path / "b.txt", ["a"])
    code, out, _ = run(
        *("tag-files", "a.txt.gz", "b.txt", "--out", "out"),
        *("--model", tiny_model, "--workers", "0"),
    )
    assert code == 1
    assert f"\nfailed: {tmp_path / 'a.txt.gz'}: must be readable to its end." in out


def test_the_code_is_one_if_a_row_failed(run, tmp_path, tiny_model):
    write_lines(tmp_path / "a.jsonl", ['{"text": "Ada left."}', '{"text": 5}'])
    given = ("a.jsonl", "--out", "out", "--model", tiny_model, "--workers", "0")
    code, out, _ = run("tag-files", *given)
    assert (code, out.splitlines()[0]) == (1, "2 rows, 3 tokens, 1 rows with an error.")
    assert run("tag-files", *given)[0] == 1


def test_few_of_many_rows_are_listed_in_the_end():
    killers = tuple(f"a.jsonl:{i}" for i in range(25))
    lines = str(Summary(1, 0, 30, 90, 25, killers)).splitlines()
    assert lines[2] == "ended its process: a.jsonl:0"
    assert lines[-2:] == ["ended its process: a.jsonl:19", "ended its process: 5 more"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(
            ["--keep", "a,,b"],
            "--keep: must be all, or names of columns with commas between them. Got 'a,,b'.\n",
            id="columns",
        ),
        pytest.param(
            ["--model", "nothing"],
            "nothing: no such folder, and no installed model. Installed: en.\n",
            id="model",
        ),
    ],
)
def test_a_mistake_is_one_line(run, tmp_path, arguments, message):
    write_lines(tmp_path / "a.txt", ["a"])
    code, out, err = run("tag-files", "a.txt", "--out", "out", *arguments)
    assert (code, out, err) == (2 if "--keep" in arguments else 1, "", message)
