import runpy

import datasets
import pytest

from ner.data.formats.read import read_sentences
from tests.scripts.running import SCRIPTS, import_script, run_script

CLASSES = {
    "pos_tags": ["NNP", "VBZ", "."],
    "chunk_tags": ["O", "B-NP", "B-VP"],
    "ner_tags": ["O", "B-PER", "I-PER", "B-LOC"],
}


def run(monkeypatch, capsys, script, *arguments):
    monkeypatch.setattr("sys.argv", [script, *map(str, arguments)])
    with pytest.raises(SystemExit) as exit_:
        runpy.run_path(str(SCRIPTS / script), run_name="__main__")
    out, err = capsys.readouterr()
    return exit_.value.code, out, err


def test_training_and_evaluating_are_the_commands(monkeypatch, capsys, tiny_model):
    code, _, err = run(monkeypatch, capsys, "train.py", "--trian", "x")
    assert (code, err.startswith("ner train: No such option: --trian")) == (2, True)
    code, out, _ = run(monkeypatch, capsys, "evaluate.py", tiny_model, "sample:test")
    assert (code, out.startswith("sample:test: ")) == (0, True)


def saved(path, columns=tuple(CLASSES), documents=True, tokens=("Ada", "sings", ".")):
    """Save a data set like CoNLL-2003 with one sentence in each split, a name of two tokens."""
    names = {c: datasets.ClassLabel(names=CLASSES[c]) for c in columns}
    features = datasets.Features(
        {"tokens": datasets.List(datasets.Value("string"))}
        | {c: datasets.List(label) for c, label in names.items()}
    )
    values = {"pos_tags": [0, 1, 2], "chunk_tags": [1, 2, 0], "ner_tags": [1, 0, 0]}
    sentence = {"tokens": list(tokens)} | {c: values[c] for c in columns}
    boundary = {"tokens": ["-DOCSTART-"]} | {c: [0] for c in columns}
    rows = [boundary, sentence] if documents else [sentence]
    split = datasets.Dataset.from_list(rows, features=features)
    splits = dict.fromkeys(("train", "validation", "test"), split)
    datasets.DatasetDict(splits).save_to_disk(path)
    return path


def prepare(source, out):
    """Prepare in this process, where `datasets` is imported already."""
    main = import_script("prepare_conll2003.py").main
    main(["--source", str(source), "--out", str(out)])


def test_a_data_set_becomes_the_files_of_the_release(tmp_path, capsys):
    prepare(saved(tmp_path / "source"), tmp_path / "out")
    names = ["eng.testa", "eng.testb", "eng.train"]
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == names
    assert capsys.readouterr().out.count(": 1 sentences\n") == 3
    for name in names:
        assert (tmp_path / "out" / name).read_text(encoding="utf-8") == (
            "-DOCSTART- -X- -X- O\n\nAda NNP B-NP B-PER\nsings VBZ B-VP O\n. . O O\n\n"
        )


def test_a_data_set_without_documents_and_parts_of_speech_has_two_columns(tmp_path):
    source = saved(tmp_path / "source", columns=["ner_tags"], documents=False)
    prepare(source, tmp_path / "out")
    text = (tmp_path / "out" / "eng.train").read_text(encoding="utf-8")
    assert text == "Ada B-PER\nsings O\n. O\n\n"
    (sentence,) = read_sentences(tmp_path / "out" / "eng.train")
    assert sentence.entities[0].text == "Ada"


def test_a_data_set_without_tags_or_with_blanks_in_tokens_is_refused(tmp_path):
    with pytest.raises(SystemExit, match=r"must have a column of tags\. Got"):
        prepare(saved(tmp_path / "untagged", columns=[]), tmp_path / "out")
    with pytest.raises(SystemExit, match=r"columns must not contain spaces\. Got"):
        prepare(saved(tmp_path / "blanks", tokens=("A da", "s", ".")), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_without_a_network_one_line_says_what_to_do(tmp_path, monkeypatch):
    def offline(*_):
        raise ConnectionError("Couldn't reach the hub")

    monkeypatch.setattr(datasets, "load_dataset", offline)
    with pytest.raises(SystemExit) as exit_:
        prepare("lhoestq/conll2003", tmp_path / "out")
    assert str(exit_.value) == (
        "lhoestq/conll2003: cannot be loaded as a data set. Couldn't reach the hub. Without a "
        "network, download it elsewhere with datasets.load_dataset and save_to_disk, copy the "
        "folder, and pass it as --source."
    )
    assert not (tmp_path / "out").exists()


def test_a_folder_that_holds_no_data_set_is_one_line_and_code_1(tmp_path):
    result = run_script("prepare_conll2003.py", "--source", tmp_path, "--out", tmp_path / "out")
    assert (result.returncode, result.stdout, result.stderr.count("\n")) == (1, "", 1)
    assert result.stderr.startswith(
        f"{tmp_path}: a folder must hold what save_to_disk wrote, .parquet"
    )
