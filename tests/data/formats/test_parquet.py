"""Parquet files are read where they lie: nothing is copied, and nothing stays behind."""

import datasets
import pyarrow
import pyarrow.parquet
import pytest

from ner.data.formats import parquet
from ner.data.formats.parquet import ParquetRows
from ner.data.formats.read import read_sentences
from ner.errors import DataError

FEATURES = datasets.Features(
    {
        "tokens": datasets.List(datasets.Value("string")),
        "ner_tags": datasets.List(datasets.ClassLabel(names=["O", "B-PER"])),
    }
)


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    """The user's cache, which stays empty: a file where a folder would be refuses every write."""
    place = tmp_path_factory.mktemp("home") / "cache"
    place.write_bytes(b"")
    for name in ("HF_CACHE_HOME", "HF_DATASETS_CACHE", "HF_MODULES_CACHE"):
        monkeypatch.setattr(datasets.config, name, place)


def save(path, *words):
    """Write a file with a sentence for each word."""
    rows = {"tokens": [[word] for word in words], "ner_tags": [[1]] * len(words)}
    path.parent.mkdir(parents=True, exist_ok=True)
    table = datasets.Dataset.from_dict(rows, features=FEATURES).data.table
    pyarrow.parquet.write_table(table, path)


def words(source, **options):
    return [s.tokens[0] for s in read_sentences(source, **options) if s.spans]


def test_a_folder_is_read_without_a_copy(tmp_path):
    save(tmp_path / "train-00000-of-00002.parquet", "Ada", "Awa")
    save(tmp_path / "train-00001-of-00002.parquet", "Bob")
    save(tmp_path / "validation-00000-of-00001.parquet", "Eve")
    assert words(tmp_path) == ["Ada", "Awa", "Bob"]
    assert words(tmp_path, split="dev") == ["Eve"]
    assert len(list(tmp_path.iterdir())) == 3


@pytest.mark.parametrize("name", ["data", "a [1] b*", "naïve?"], ids=["plain", "glob", "accent"])
def test_files_of_a_folder_have_any_names(tmp_path, name):
    save(tmp_path / name / "part.parquet", "Ada")
    save(tmp_path / name / "more" / "part.parquet", "Bob")
    (tmp_path / name / "notes.txt").write_text("no corpus")
    assert sorted(words(tmp_path / name)) == ["Ada", "Bob"]


def test_a_data_set_that_was_saved_is_read_without_a_copy(tmp_path):
    rows = {"tokens": [["Ada"]], "ner_tags": [[1]]}
    datasets.Dataset.from_dict(rows, features=FEATURES).save_to_disk(tmp_path / "set")
    assert words(tmp_path / "set") == ["Ada"]


def test_rows_are_read_piece_by_piece(tmp_path, monkeypatch):
    monkeypatch.setattr(parquet, "ROWS_AT_ONCE", 2)
    save(tmp_path / "a.parquet", *"abcde")
    rows = ParquetRows([tmp_path / "a.parquet"])
    assert len(rows) == 5
    assert [row["tokens"] for row in rows] == [[word] for word in "abcde"]
    assert list(rows.select_columns(["ner_tags"])) == [{"ner_tags": [1]}] * 5


def test_a_damaged_piece_is_one_line(tmp_path):
    path = tmp_path / "a.parquet"
    save(path, *map(str, range(500)))
    content = bytearray(path.read_bytes())
    content[4:400] = bytes(396)
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"a\.parquet: cannot be loaded as a data set\. [^\n]+$"):
        words(path)


def test_a_file_without_the_columns_of_the_others_is_named(tmp_path):
    save(tmp_path / "train-00000-of-00002.parquet", "Ada")
    table = pyarrow.table({"words": [["Bob"]]})
    pyarrow.parquet.write_table(table, tmp_path / "train-00001-of-00002.parquet")
    with pytest.raises(DataError, match=r"train-00001\S+: must have the column 'tokens' of \S+\.$"):
        words(tmp_path)
