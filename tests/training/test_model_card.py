"""What a model that is given away says: no markup of others, and no folder of this machine."""

import re
from pathlib import Path

import pytest

import ner
from ner.config.loading import Config
from ner.training.settings import PATHS, without_folders

QUICK = {"encoder.size": 4, "words.size": 4, "affixes.rows": 8, "training.epochs": 1}
EVIL = "<script>alert(1)</script>[x](http://e)`a`"


def rows(label="PER"):
    return f"Ada B-{label}\nleft O\n\nBob B-{label}\n\n" * 3


def train(tmp_path, **options):
    ner.train(out=tmp_path / "run", progress=False, set=QUICK, **options)
    return tmp_path / "run" / "model"


def test_a_model_card_holds_no_markup_of_labels_and_names(tmp_path):
    (tmp_path / "<b>a<i>.conll").write_text(rows(EVIL))
    source = tmp_path / "<b>a<i>.conll"
    card = (train(tmp_path, train=source, dev=source) / "README.md").read_text()
    # What is not in a block of code.
    for text in re.split(r"^(?:```+).*?^(?:```+)$", card, flags=re.MULTILINE | re.DOTALL):
        plain = re.sub(r"\\.|`[a-z.]+`", "", text)
        assert not set("<>[]`") & set(plain)
    assert r"\<script\>" in card


def test_a_renamed_label_holds_no_markup(tmp_path):
    (tmp_path / "a.conll").write_text(rows("_A_"))
    model = train(tmp_path, train=tmp_path / "a.conll")
    ner.rename(model, {"_A_": "<b>"}, tmp_path / "other")
    card = (tmp_path / "other" / "README.md").read_text()
    assert "- Labels: \\<b\\>\n- Renamed after training: \\_A\\_ is now \\<b\\>." in card


def test_a_block_of_code_holds_labels_with_ticks(tmp_path):
    label = "`````x"
    texts = [ner.Sentence([word], labels=[label + word]) for word in ("Apples", "Rome")]
    model = train(tmp_path, task="classify", train=texts, dev=texts)
    assert "\n``````\ndev (sentences)" in (model / "README.md").read_text()


def test_a_model_holds_no_folder_of_this_machine(tmp_path):
    folder = tmp_path / "home-of-somebody"
    folder.mkdir()
    for name in ("train", "dev", "test"):
        (folder / f"{name}.conll").write_text(rows())
    (folder / "vectors.txt").write_text("Ada 1 2 3 4\nBob 2 3 4 5\n")
    model = train(
        tmp_path,
        **{n: folder / f"{n}.conll" for n in ("train", "dev", "test")},
        vectors={"path": str(folder / "vectors.txt")},
    )
    told = {p.name for p in model.rglob("*") if p.is_file() and folder.name in str(p.read_bytes())}
    assert told == set()
    for name in ("README.md", "manifest.json", "config.toml"):
        assert "train.conll" in (model / name).read_text()
    assert folder.name not in (model.parent / "report.json").read_text()
    # Where the run itself is, it can be resumed.
    assert folder.name in (model.parent / "config.toml").read_text()


def test_every_setting_that_names_a_file_loses_its_folder():
    named = {f"{section}.{key}": str(Path("/home/me/a.txt")) for section, key in PATHS[:-1]}
    shown = without_folders(Config().updated(named))
    assert {str(getattr(getattr(shown, s), key)) for s, key in PATHS[:-1]} == {"a.txt"}
    assert without_folders(Config()) == Config()


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("sample:train", "sample:train"),
        ("hub:conll2003:train", "hub:conll2003:train"),
        ("data/a.conll", "data/a.conll"),
        ("/home/me/a.conll", "a.conll"),
        ("hub:/home/me/set", "hub:set"),
        ("", ""),
    ],
    ids=["sample", "hub", "relative", "absolute", "folder", "none"],
)
def test_a_source_is_told_without_its_folder(source, shown):
    from ner.display import shared_name

    assert shared_name(source) == shown
