import bz2
import gzip
import io
import json
import lzma
import pickle
import struct
import tarfile
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

import ner.features.vector_files
import ner.features.vectors
from ner.errors import DataError, ModelFolderError
from ner.features.vectors import VectorStore, read_vectors

TEXT = b"the 0.5 -1 2e-1\nLondon 1 2 3\nK\xc3\xb6ln 4 5 6\n"
WORDS = ("the", "London", "Köln")
MATRIX = np.array([[0.5, -1, 0.2], [1, 2, 3], [4, 5, 6]], dtype=np.float32)


def written(folder, content, name="vectors.txt"):
    path = folder / name
    path.write_bytes(content)
    return path


def word2vec(words, matrix, end=b"\n"):
    """Write the binary format of word2vec's own program, which ends each vector with a newline."""
    rows = zip(words, matrix.astype("<f4"), strict=True)
    content = b"".join(word.encode() + b" " + row.tobytes() + end for word, row in rows)
    return b"%d %d\n" % matrix.shape + content


def archive(files, mode="zip"):
    """Write a zip or tar archive; names that end in a slash are folders."""
    content = io.BytesIO()
    if mode == "zip":
        with zipfile.ZipFile(content, "w") as zipped:
            for name, inside in files.items():
                zipped.writestr(name, inside)
        return content.getvalue()
    with tarfile.open(fileobj=content, mode=mode) as tar:
        for name, inside in files.items():
            info = tarfile.TarInfo(name.removesuffix("/"))
            info.type = tarfile.DIRTYPE if name.endswith("/") else tarfile.REGTYPE
            info.size = len(inside)
            tar.addfile(info, io.BytesIO(inside))
    return content.getvalue()


def random_store(folder, words, size=4):
    """Write a store of random vectors; give it and the vectors."""
    matrix = np.random.default_rng(0).normal(size=(len(words), size)).astype(np.float32)
    VectorStore.write(folder / "vectors.safetensors", words, matrix)
    return VectorStore.open(folder / "vectors.safetensors"), matrix


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(TEXT, id="plain"),
        pytest.param(b"3 3\n" + TEXT, id="header"),
        pytest.param(b"\xef\xbb\xbf" + TEXT, id="byte order mark"),
        pytest.param(
            b"\xef\xbb\xbf3 3\r\n" + TEXT.replace(b"\n", b" \r\n"),
            id="byte order mark, header and CRLF",
        ),
        pytest.param(TEXT.removesuffix(b"\n"), id="no newline at the end"),
        pytest.param(TEXT.replace(b" ", b"\t"), id="tabs"),
        pytest.param(TEXT.replace(b" ", b"  "), id="two blanks"),
        pytest.param(gzip.compress(TEXT, mtime=0), id="gzip"),
        pytest.param(gzip.compress(b"3 3\n" + TEXT, mtime=0), id="gzip with header"),
        pytest.param(bz2.compress(TEXT), id="bzip2"),
        pytest.param(lzma.compress(TEXT), id="xz"),
        pytest.param(TEXT.decode().encode("utf-16"), id="UTF-16"),
        pytest.param(gzip.compress(TEXT.decode().encode("utf-16"), mtime=0), id="UTF-16 in gzip"),
        pytest.param(f"\ufeff3 3\r\n{TEXT.decode()}".encode("utf-32-be"), id="UTF-32 and header"),
        pytest.param(word2vec(WORDS, MATRIX), id="word2vec's binary format"),
        pytest.param(word2vec(WORDS, MATRIX, end=b""), id="the same without newlines"),
        pytest.param(gzip.compress(word2vec(WORDS, MATRIX), mtime=0), id="the same in gzip"),
        pytest.param(archive({"v.txt": TEXT}, "w"), id="tar"),
        pytest.param(archive({"v.txt": TEXT}, "w:gz"), id="tar in gzip"),
        pytest.param(archive({"v.txt": TEXT}, "w:xz"), id="tar in xz"),
        pytest.param(archive({"vectors/": b"", "vectors/v.txt": TEXT}), id="a folder in a zip"),
        pytest.param(archive({"d/": b"", "d/v.txt": TEXT}, "w:bz2"), id="a folder in a tar"),
        pytest.param(
            archive({"__MACOSX/v.txt": b"?", ".v": b"?", "README.md": b"?", "v.txt": TEXT}),
            id="other files in a zip",
        ),
        pytest.param(
            archive(
                {"v/LICENSE": b"?", "v/._v.txt": b"?", "v/v.bin": word2vec(WORDS, MATRIX)}, "w"
            ),
            id="other files in a tar",
        ),
    ],
)
def test_vectors_are_read_from_every_kind_of_file(tmp_path, content):
    vectors = read_vectors(written(tmp_path, content))
    assert vectors.words == WORDS
    assert vectors.matrix.dtype == np.float32
    assert np.array_equal(vectors.matrix, MATRIX)


def test_vectors_may_be_packed_with_zstandard(tmp_path):
    zstandard = pytest.importorskip("zstandard")
    packed = zstandard.ZstdCompressor().compress(TEXT)
    assert read_vectors(written(tmp_path, packed)).words == WORDS


FASTTEXT = struct.pack("<4i", 793712314, 12, 5, 5) + bytes(40)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(FASTTEXT, r"fastText's binary format \(\.bin\)\. Its text", id="fastText"),
        pytest.param(gzip.compress(FASTTEXT), r"fastText's binary format", id="fastText in gzip"),
        pytest.param(pickle.dumps({"a": [1.0]}), "a pickle, which is never opened", id="pickle"),
        pytest.param(archive({"v.npy": b"\x93NUMPY\x01\x00v"}), "an array of numpy", id="npz"),
        pytest.param(b"\x89HDF\r\n\x1a\n", "an HDF5 file", id="HDF5"),
        pytest.param(b"SQLite format 3\x00", "a database, such as one of Magnitude", id="SQLite"),
        pytest.param(b"PAR1\x15\x00", "a Parquet file", id="Parquet"),
        pytest.param(TEXT.decode().encode("utf-16-le"), "text in UTF-16 without", id="no mark"),
        pytest.param(bytes(99), "a binary file", id="zeros"),
        pytest.param(
            archive({"v.zip": archive({"v.txt": TEXT})}, "w"), "an archive inside", id="zip in tar"
        ),
    ],
)
def test_what_is_no_text_is_refused_by_name(tmp_path, content, message):
    with pytest.raises(DataError, match=rf"vectors\.txt: must be vectors as text.*Got .*{message}"):
        read_vectors(written(tmp_path, content))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(
            b"0 4\n", "at least one word with its numbers. Got none.", id="a header alone"
        ),
        pytest.param(b"9 2\n", "9 words, as its first line says. Got 0.", id="a header that lies"),
        pytest.param(
            b"\xe9t\xe9 1 2\n\xe0 3 4\n",
            "at least one word with its numbers. Got 2 that are not in UTF-8.",
            id="no word in UTF-8",
        ),
        pytest.param(
            archive({"d/": b"", "README": b"?"}),
            "an archive with a file of vectors. Got none inside.",
            id="a zip without files",
        ),
        pytest.param(
            archive({"d/": b"", "README": b"?"}, "w:gz"),
            "an archive with a file of vectors. Got none inside.",
            id="a tar without files",
        ),
        pytest.param(
            archive({"v.txt": TEXT}, "w")[:530], "must be readable to its end", id="a tar cut off"
        ),
        pytest.param(
            word2vec(WORDS, MATRIX)[:-8], "3 words, as its first line says. Got 2.", id="word2vec"
        ),
        pytest.param(
            word2vec(["a", "b"], np.array([[1], [np.nan]])),
            "the numbers of 'b' must be finite",
            id="a number that is none",
        ),
    ],
)
def test_a_file_without_vectors_is_never_an_empty_set(tmp_path, content, message):
    with pytest.raises(DataError) as error:
        read_vectors(written(tmp_path, content))
    assert message in str(error.value)


@pytest.mark.parametrize("chunk", [20, ner.features.vectors.CHUNK])
def test_words_of_a_binary_file_are_kept_and_skipped_as_those_of_a_text(
    tmp_path, monkeypatch, chunk
):
    monkeypatch.setattr(ner.features.vectors, "CHUNK", chunk)
    monkeypatch.setattr(ner.features.vectors, "LONGEST_WORD", chunk - 4)
    content = word2vec(["a", "b", "a", "c"], np.array([[1.0], [2], [3], [4]]))
    path = written(tmp_path, content.replace(b"\nb ", b"\n\xff "))
    vectors = read_vectors(path)
    assert (vectors.words, vectors.skipped) == (("a", "c"), 1)
    assert vectors.matrix.tolist() == [[1], [4]]
    assert read_vectors(path, keep=1).words == ("a",)
    assert read_vectors(path, keep=1, always={"c"}).words == ("a", "c")


def test_the_first_file_of_a_zip_is_read(tmp_path):
    with zipfile.ZipFile(tmp_path / "glove.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("first.txt", TEXT)
        archive.writestr("second.txt", "not this")
    assert read_vectors(tmp_path / "glove.zip").words == WORDS


def test_a_file_longer_than_a_chunk_is_read_as_a_whole(tmp_path, monkeypatch):
    monkeypatch.setattr(ner.features.vector_files, "CHUNK", 20)
    vectors = read_vectors(written(tmp_path, TEXT))
    assert vectors.words == WORDS
    assert np.array_equal(vectors.matrix, MATRIX)
    with pytest.raises(DataError, match=r"vectors\.txt:3: finite numbers"):
        read_vectors(written(tmp_path, TEXT.replace(b"6", b"x")))


def test_words_may_hold_blanks_and_any_other_character(tmp_path):
    content = "a 1 2\nat name@domain.com 3 4\n. . . 5 6\n\u2028\xa0# 7 8\n".encode()
    vectors = read_vectors(written(tmp_path, content))
    assert vectors.words == ("a", "at name@domain.com", ". . .", "\u2028\xa0#")
    assert vectors.matrix.tolist() == [[1, 2], [3, 4], [5, 6], [7, 8]]


def test_vectors_may_have_one_dimension(tmp_path):
    assert read_vectors(written(tmp_path, b"a 1\nb 2\n")).matrix.tolist() == [[1], [2]]
    with pytest.raises(DataError, match=r"vectors\.txt:2: 0 numbers, but the first line has 1\."):
        read_vectors(written(tmp_path, b"a 1\nb\n"))


def test_the_first_line_of_a_word_counts(tmp_path):
    vectors = read_vectors(written(tmp_path, b"a 1 1\nb 2 2\na 3 3\n"))
    assert vectors.words == ("a", "b")
    assert vectors.matrix.tolist() == [[1, 1], [2, 2]]


def test_words_that_are_not_utf8_are_left_out_and_counted(tmp_path):
    vectors = read_vectors(written(tmp_path, b"a 1 1\n\xe9t\xe9 2 2\nb 3 3\n"))
    assert (vectors.words, vectors.skipped) == (("a", "b"), 1)


@pytest.mark.parametrize("header", [b"", b"3 3\n"], ids=["no header", "header"])
def test_the_most_frequent_words_are_kept_and_those_asked_for(tmp_path, header):
    path = written(tmp_path, header + TEXT)
    assert read_vectors(path, keep=2).words == WORDS[:2]
    kept = read_vectors(path, keep=1, always={"Köln", "absent"})
    assert kept.words == ("the", "Köln")
    assert np.array_equal(kept.matrix, MATRIX[[0, 2]])
    nothing = read_vectors(path, keep=0)
    assert (nothing.words, nothing.matrix.shape) == ((), (0, 3))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(b"", ":1: a word and its numbers in each line. Got ''.", id="empty"),
        pytest.param(
            b"\nthe 1 2\n",
            ":1: a word and its numbers in each line. Got ''.",
            id="a blank first line",
        ),
        pytest.param(
            b"the\n", ":1: a word and its numbers in each line. Got 'the'.", id="a word alone"
        ),
        pytest.param(
            b"the 1 2\nof 1\n", ":2: 1 numbers, but the first line has 2.", id="a number too few"
        ),
        pytest.param(
            b"the 1 2\nof 1 2 3\n",
            ":2: 3 numbers, but the first line has 2.",
            id="a number too many",
        ),
        pytest.param(b"the 1 2\n\n", ":2: 0 numbers, but the first line has 2.", id="a blank line"),
        pytest.param(
            b"9 2\nthe 1 2\nof 1\n",
            ":3: 1 numbers, but the first line has 2.",
            id="a short row after a header",
        ),
        pytest.param(
            b"9 2\nthe 1 2\nof 1 2\n",
            ": 9 words, as its first line says. Got 2.",
            id="a row too few",
        ),
        pytest.param(
            b"the 1 2\nof 1 x\n", ":2: finite numbers after the word. Got 'x'.", id="no number"
        ),
        pytest.param(
            b"the 1 2\nof nan 1\n", ":2: finite numbers after the word. Got 'nan'.", id="nan"
        ),
        pytest.param(
            b"the 1 2\nof 1 inf\n", ":2: finite numbers after the word. Got 'inf'.", id="inf"
        ),
        pytest.param(
            b"the 1 2\nof 1 1e39\n",
            ":2: finite numbers after the word. Got '1e39'.",
            id="beyond float32",
        ),
        pytest.param(
            b"the 1 2 3\nof 1  2\n", ":2: finite numbers after the word. Got ''.", id="two blanks"
        ),
        pytest.param(
            b"the 1 2\nof 1 0,5\n",
            ":2: finite numbers after the word. Got '0,5'.",
            id="a comma in a number",
        ),
        pytest.param(
            gzip.compress(TEXT, mtime=0)[:-12],
            ": must be readable to its end. Got: ",
            id="gzip cut off",
        ),
        pytest.param(
            gzip.compress(TEXT, mtime=0)[:12] + b"\xff" * 30,
            ": must be readable to its end. Got: ",
            id="gzip damaged",
        ),
        pytest.param(b"PK\x03\x04 no zip", ": must be readable to its end. Got: ", id="no zip"),
    ],
)
def test_a_damaged_file_is_an_error_with_its_line(tmp_path, content, message):
    with pytest.raises(DataError) as error:
        read_vectors(written(tmp_path, content, "glove.txt"))
    assert f"glove.txt{message}" in str(error.value)
    assert "\n" not in str(error.value)


def test_a_missing_file_and_a_directory_are_errors(tmp_path):
    with pytest.raises(DataError, match=r"glove\.txt: no such file"):
        read_vectors(tmp_path / "glove.txt")
    with pytest.raises(DataError, match=r"a directory, but a file is expected"):
        read_vectors(tmp_path)


def test_glove_is_read_as_its_readme_says(shared_data):
    # 400,000 words of 50 dimensions; the first vector as it stands in the file's first line.
    vectors = read_vectors(shared_data("glove/glove.6B.50d.txt.gz"), keep=1, always={"london"})
    assert vectors.words == ("the", "london")
    assert vectors.matrix.shape == (2, 50)
    assert vectors.matrix[0, :3].tolist() == np.float32([0.418, 0.24968, -0.41242]).tolist()


@given(st.lists(st.text(st.characters(), max_size=5), unique=True), st.text(max_size=5))
def test_every_word_is_found_and_no_other(tmp_path_factory, words, other):
    store, _ = random_store(tmp_path_factory.mktemp("store"), words)
    assert len(store) == len(words)
    assert store.find(words).tolist() == list(range(len(words)))
    assert store.find([other]).tolist() == [words.index(other) if other in words else -1]
    assert store.find([]).tolist() == []


def test_numbers_are_rounded_to_half_precision_and_no_further(tmp_path):
    store, matrix = random_store(tmp_path, [f"word{i}" for i in range(100)], size=7)
    rows = np.array([99, 0, 5, 5])
    assert store.size == 7
    assert store.rows(rows).dtype == np.float32
    assert np.array_equal(store.rows(rows), matrix[rows].astype(np.float16).astype(np.float32))


def test_words_with_the_same_hash_keep_their_own_vectors(tmp_path, monkeypatch):
    def collide(words):
        return np.array([len(word) % 2 for word in words], dtype=np.uint64)

    monkeypatch.setattr(ner.features.vectors, "_hash", collide)
    words = ["a", "b", "cd", "c", "ab"]
    store, _ = random_store(tmp_path, words)
    assert store.find(words).tolist() == [0, 1, 2, 3, 4]
    assert store.find(["x", "xy", ""]).tolist() == [-1, -1, -1]


def test_words_with_lone_surrogates_are_words_like_others(tmp_path):
    store, _ = random_store(tmp_path, ["\ud83d", "é", "😀"])
    assert store.find(["😀", "\ud83d", "\ude00"]).tolist() == [2, 0, -1]


def test_an_empty_store_finds_nothing(tmp_path):
    store, _ = random_store(tmp_path, [], size=3)
    assert (len(store), store.size, store.find(["a"]).tolist()) == (0, 3, [-1])
    assert store.rows(np.array([], dtype=np.int64)).shape == (0, 3)


def test_a_word_that_was_not_found_has_no_row(tmp_path):
    store, _ = random_store(tmp_path, ["a"])
    with pytest.raises(IndexError, match=r"ids: rows of words that were found\. Got -1\."):
        store.rows(store.find(["b"]))


def test_writing_replaces_a_store_as_a_whole(tmp_path):
    random_store(tmp_path, ["a"])
    random_store(tmp_path, ["b", "c"])
    assert [path.name for path in tmp_path.iterdir()] == ["vectors.safetensors"]
    assert VectorStore.open(tmp_path / "vectors.safetensors").find(["c"]).tolist() == [1]


def test_a_saved_store_equals_the_one_it_was_saved_from(tmp_path):
    store, matrix = random_store(tmp_path, ["a", "b", "c"])
    for name in ("copy", "vectors.safetensors"):
        store.save(tmp_path / name)
        content = (tmp_path / name).read_bytes()
        assert content == (tmp_path / "vectors.safetensors").read_bytes()
        copy = VectorStore.open(tmp_path / name)
        assert copy.find(["c", "a"]).tolist() == [2, 0]
        assert np.array_equal(copy.rows(np.arange(3)), matrix.astype(np.float16))


def test_numbers_beyond_half_precision_are_refused_before_anything_is_written(tmp_path):
    with pytest.raises(DataError, match=r"from -65504 to 65504\. Got 70000\.0\."):
        VectorStore.write(tmp_path / "x", ["a"], np.array([[1, 70000]], dtype=np.float32))
    with pytest.raises(ValueError, match="a row a word"):
        VectorStore.write(tmp_path / "x", ["a", "b"], np.zeros((1, 2), dtype=np.float32))
    assert list(tmp_path.iterdir()) == []


def damage_header(content, **changes):
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    for name, change in changes.items():
        header[name] |= change
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + content[8 + length :]


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        pytest.param(lambda content: b"", "", id="empty"),
        pytest.param(lambda content: b"abc", "", id="three bytes"),
        pytest.param(lambda content: b"\xff" * 8 + content[8:], "", id="a huge header"),
        pytest.param(lambda content: content[:-1], "words is cut off", id="cut off"),
        pytest.param(
            lambda content: content.replace(b'"hashes"', b'"bashes"'), "'hashes'", id="no hashes"
        ),
        pytest.param(
            lambda content: content.replace(b"F16", b"I16"),
            "vectors is cut off or not F16",
            id="another type",
        ),
        pytest.param(
            lambda content: damage_header(content, rows={"data_offsets": [8, 0]}),
            "rows is cut off",
            id="a range backwards",
        ),
        pytest.param(
            lambda content: damage_header(content, rows={"shape": [1, 2]}),
            "rows has the shape (1, 2)",
            id="rows of another shape",
        ),
        pytest.param(
            lambda content: damage_header(content, vectors={"shape": [8]}),
            "",
            id="vectors of one axis",
        ),
        pytest.param(
            lambda content: damage_header(content, vectors={"shape": [4, 2]}),
            "has the shape",
            id="vectors of too many rows",
        ),
    ],
)
def test_a_damaged_store_is_an_error_that_names_the_file(tmp_path, damage, reason):
    random_store(tmp_path, ["one", "two"])
    path = tmp_path / "vectors.safetensors"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ModelFolderError) as error:
        VectorStore.open(path)
    assert f"{path}: must be a whole vector store. Got a damaged or foreign" in str(error.value)
    assert reason in str(error.value)
    assert "\n" not in str(error.value)


def test_a_missing_store_is_an_error(tmp_path):
    with pytest.raises(ModelFolderError, match=r"none: no such file\."):
        VectorStore.open(tmp_path / "none")


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("rows", 9, "vectors.safetensors: row 9 must be one of 3 rows."),
        ("vectors", np.nan, "vectors.safetensors: the vectors must be finite. Got others."),
    ],
    ids=["a row", "a vector"],
)
def test_a_store_with_numbers_that_are_none_is_refused_when_they_are_used(
    tmp_path, name, value, words
):
    path = tmp_path / "vectors.safetensors"
    VectorStore.write(path, WORDS, MATRIX)
    arrays = load_file(path)
    arrays[name][:] = value
    save_file(arrays, path)
    store = VectorStore.open(path)
    with pytest.raises(ModelFolderError) as error:
        store.rows(store.find(["London"]))
    assert str(error.value) == words
