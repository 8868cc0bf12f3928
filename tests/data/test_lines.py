import bz2
import gzip
import io
import lzma
import os
import socket
import sys
import tarfile
import tracemalloc
import zipfile
from functools import partial
from pathlib import Path

import pytest

from ner.data.compressed import created, unpacked_name
from ner.data.formats.conll import read_conll
from ner.data.formats.options import ReadOptions
from ner.data.formats.read import file_digest, read_sentences
from ner.data.lines import checked_lines, decode_lines, read_head, read_lines
from ner.errors import DataError, MissingExtraError
from ner.features.vectors import read_vectors
from tests.data.corpora import error_line, write

zstandard = pytest.importorskip("zstandard")

ROWS = "Ada B-PER\nleft O\n\nGötz B-PER\n"
COMPRESS = {
    "gz": partial(gzip.compress, mtime=0),
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": zstandard.ZstdCompressor().compress,
}


def lines_of(path, **options):
    return [text for _, text, _ in decode_lines(read_lines(path, **options), "x")]


@pytest.mark.parametrize("kind", COMPRESS)
@pytest.mark.parametrize("name", ["x.conll", "x.conll.{}"], ids=["plain name", "packed name"])
def test_packed_files_are_told_by_how_they_begin(tmp_path, kind, name):
    path = write(tmp_path / name.format(kind), COMPRESS[kind](ROWS.encode()))
    assert [s.tokens for s in read_sentences(path)] == [("Ada", "left"), ("Götz",)]


@pytest.mark.parametrize("kind", COMPRESS)
def test_packed_files_may_have_several_parts(tmp_path, kind):
    half = len(ROWS) // 2
    halves = [COMPRESS[kind](text.encode()) for text in (ROWS[:half], ROWS[half:])]
    path = write(tmp_path / f"x.{kind}", b"".join(halves))
    assert lines_of(path) == ROWS.splitlines()


@pytest.mark.parametrize("kind", COMPRESS)
@pytest.mark.parametrize("end", [20, -1, -4, -9], ids=["near the start", "by 1", "by 4", "by 9"])
def test_a_packed_file_that_is_cut_off_is_an_error_of_one_line(tmp_path, kind, end):
    path = write(tmp_path / f"x.conll.{kind}", COMPRESS[kind](ROWS.encode() * 1000)[:end])
    message = error_line(lambda: read_sentences(path), tmp_path)
    assert message.startswith(f"x.conll.{kind}: must be readable to its end. Got: ")


@pytest.mark.parametrize("kind", COMPRESS)
def test_a_packed_file_that_is_damaged_is_an_error(tmp_path, kind):
    packed = bytearray(COMPRESS[kind](bytes(range(256)) * 100))
    packed[len(packed) // 2] ^= 0xFF
    packed[len(packed) // 2 + 1] ^= 0xFF
    path = write(tmp_path / f"x.conll.{kind}", bytes(packed))
    with pytest.raises(DataError, match=r"must be readable to its end|not UTF-8"):
        read_sentences(path)


def test_zstandard_that_is_not_installed_says_what_to_install(tmp_path, monkeypatch):
    if sys.version_info >= (3, 14):
        pytest.skip("from 3.14 on Python itself reads zstd, so nothing can be missing")
    monkeypatch.setitem(sys.modules, "zstandard", None)
    path = write(tmp_path / "x.zst", COMPRESS["zst"](b"a"))
    with pytest.raises(
        MissingExtraError, match=r"A \.zst file needs zstandard: pip install .*\[zstd"
    ):
        list(read_lines(path))


@pytest.mark.parametrize(
    "text", ["BZh9\n", "BZh5 O\nBZh1 O\n", "BZ\n"], ids=["a word", "rows", "two letters"]
)
def test_a_text_that_begins_like_a_packed_file_is_a_text(tmp_path, text):
    assert lines_of(write(tmp_path / "x", text)) == text.splitlines()


def test_an_empty_file_of_bzip2_is_empty(tmp_path):
    assert lines_of(write(tmp_path / "x", bz2.compress(b""))) == []


@pytest.mark.parametrize("kind", ["zip", "tar", "tgz", "7z"])
def test_an_archive_is_refused_by_name(tmp_path, kind):
    inside, path = write(tmp_path / "a.conll", ROWS), tmp_path / f"x.{kind}"
    if kind == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.write(inside)
    elif kind == "7z":
        write(path, b"7z\xbc\xaf\x27\x1c\x00\x04")
    else:
        with tarfile.open(path, "w:gz" if kind == "tgz" else "w") as archive:
            archive.add(inside)
    message = error_line(lambda: lines_of(path), tmp_path)
    named = {"zip": "zip archive or an office document", "tgz": "tar archive"}
    assert f"Got a {named.get(kind, f'{kind} archive')}. Unpack it first." in message


@pytest.mark.parametrize("kind", ["plain", *COMPRESS])
def test_what_is_created_appears_whole_or_not_at_all(tmp_path, kind):
    path = tmp_path / f"x.{kind}"
    with created(path) as file:
        file.write(b"old\n")
    with pytest.raises(ZeroDivisionError), created(path) as file:
        file.write(b"new\n")
        raise ZeroDivisionError
    assert lines_of(path) == ["old"]
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("kind", COMPRESS)
def test_equal_content_gives_equal_packed_files(tmp_path, kind):
    for name in ("a", "b"):
        with created(tmp_path / f"{name}.{kind}") as file:
            file.write(b"x" * 99)
    content = (tmp_path / f"a.{kind}").read_bytes()
    assert content == (tmp_path / f"b.{kind}").read_bytes() != b"x" * 99


def test_a_place_that_is_not_there_cannot_be_written(tmp_path):
    with pytest.raises(DataError, match=r"none/x: cannot be written\. No such file"):
        created(tmp_path / "none" / "x").__enter__()
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match=r"file/x: cannot be written\. No"):
        created(tmp_path / "file" / "x").__enter__()


def test_a_device_is_written_to_and_not_replaced():
    with created(Path("/dev/null")) as file:
        file.write(b"x")
    assert not Path("/dev/null").is_file()


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "latin-1", "cp1252", "utf-16", "utf-16-le", "utf-16-be",
                 "utf-32", "mac_roman"]
)  # fmt: skip
@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["LF", "CRLF"])
def test_files_are_read_in_the_encoding_that_is_named(tmp_path, encoding, end):
    path = write(tmp_path / "x", ROWS.replace("\n", end) * 9999, encoding)
    assert lines_of(path, encoding=encoding) == ROWS.splitlines() * 9999


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1", "utf-16", "utf-16-be"])
@pytest.mark.parametrize("kind", ["plain", *COMPRESS])
def test_lines_may_end_in_carriage_returns_alone(tmp_path, encoding, kind):
    content = (ROWS.replace("\n", "\r") * 9999).encode(encoding)
    path = write(tmp_path / "x", COMPRESS.get(kind, bytes)(content))
    assert lines_of(path, encoding=encoding) == ROWS.splitlines() * 9999
    assert read_head(path, encoding, 400).startswith(ROWS)
    assert read_sentences(path, encoding=encoding)[1].tokens == ("Götz", "Ada", "left")


@pytest.mark.parametrize("text", ["a\rb\nc\n", "a\r\nb\rc\r\n", "a\r"], ids=["LF", "CRLF", "none"])
def test_carriage_returns_inside_lines_end_none(tmp_path, text):
    path = write(tmp_path / "x", text)
    assert b"".join(read_lines(path)) == text.encode()


def test_a_wrong_byte_is_named_with_its_line_where_carriage_returns_end_lines(tmp_path):
    path = write(tmp_path / "x", b"a O\rb O\r\xe9 O\r")
    message = error_line(lambda: lines_of(path), tmp_path)
    assert message.startswith("x:3: not utf-8: byte 0xe9 (byte 8 of the file)")


def test_standard_input_is_read_as_it_comes(monkeypatch):
    reader, writer = os.pipe()
    with io.TextIOWrapper(os.fdopen(reader, "rb")) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        lines = read_lines("-")  # nothing is there yet
        os.write(writer, b"a\n")
        assert next(lines) == b"a\n"
        os.write(writer, b"b\rc\n")
        assert next(lines) == b"b\rc\n"
        os.close(writer)
        assert list(lines) == []


@pytest.mark.parametrize("encoding", ["gb18030", "shift_jis", "iso2022_jp", "euc_jp", "utf-7"])
def test_encodings_with_several_bytes_a_character_are_read(tmp_path, encoding):
    path = write(tmp_path / "x", "東京 B-LOC\nで O\n".encode(encoding) * 9999)
    assert lines_of(path, encoding=encoding) == ["東京 B-LOC", "で O"] * 9999


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
def test_a_byte_order_mark_says_the_encoding(tmp_path, encoding):
    path = write(tmp_path / "x", ROWS, encoding)
    assert lines_of(path) == ROWS.splitlines()
    assert read_head(path) == ROWS
    assert [s.tokens for s in read_sentences(path)] == [("Ada", "left"), ("Götz",)]


@pytest.mark.parametrize(
    ("encoding", "content", "message"),
    [
        pytest.param(
            "utf-8",
            b"\xef\xbb\xbfa O\n\xc3\xa9\xe9 O\n",
            "x:2: not UTF-8: byte 0xe9 at column 2 (byte 9 of the file)",
            id="utf-8",
        ),
        pytest.param(
            "ascii", b"a O\nb\xe9 O\n", "x:2: not ascii: byte 0xe9 (byte 5 of the file)", id="ascii"
        ),
        pytest.param(
            "cp1252",
            b"a\n" * 40_000 + b"b\x81",
            "x:40001: not cp1252: byte 0x81 (byte 8000",
            id="cp1252",
        ),
        pytest.param(
            "utf-16-le",
            "a\nb".encode("utf-16-le") + b"\x00\xd8c\x00",
            "x:2: not utf-16-le: byte 0x00 (byte 6 of the file)",
            id="utf-16-le",
        ),
        pytest.param(
            "utf-16",
            "a\nb".encode("utf-16") + b"c",
            "x:2: not utf-16: byte 0x63 (byte 8 of",
            id="utf-16",
        ),
        pytest.param(
            "shift_jis",
            "東\n京".encode("shift_jis") + b"\x81",
            "x:2: not shift_jis: byte 0x81 (by",
            id="shift_jis",
        ),
    ],
)
def test_a_wrong_encoding_is_an_error_with_line_and_byte(tmp_path, encoding, content, message):
    path = write(tmp_path / "x", content)
    lines = checked_lines(read_lines(path, encoding), str(path))
    assert error_line(lambda: list(lines), tmp_path).startswith(message)


def test_standard_input_may_have_any_encoding(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO("Götz O\n".encode("latin-1"))))
    (sentence,) = read_sentences("-", encoding="latin-1")
    assert sentence.tokens == ("Götz",)


def test_only_the_ending_of_a_packed_file_is_taken_off():
    assert [unpacked_name(n) for n in ("a.conll.gz", "a.b.zst", "a.conll", "a.xz", "b.c.bz2")] == [
        "a.conll", "a.b", "a.conll", "a", "b.c"
    ]  # fmt: skip


def test_packed_lines_are_as_good_as_others(tmp_path):
    path = write(tmp_path / "x.gz", COMPRESS["gz"](b"a O\nb NONE\n"))
    with pytest.raises(DataError, match=r"x\.gz:2: a tag must be O or a prefix"):
        list(read_conll(read_lines(path), str(path)))


def test_trec_is_latin_1(shared_data):
    path = shared_data("trec/train.txt")
    with pytest.raises(
        DataError, match=r"train\.txt:66: not UTF-8: byte 0xf0 .*\(byte 3173 of the"
    ):
        read_sentences(path)
    assert len(read_sentences(path, encoding="latin-1")) == 5452


@pytest.mark.parametrize("encoding", ["utf-16", "punycode"])
def test_a_file_that_is_no_such_encoding_as_a_whole_is_one_line(tmp_path, encoding):
    path = write(tmp_path / "a.conll", "Ada O\n–")
    message = error_line(lambda: lines_of(path, encoding=encoding), tmp_path)
    assert message.startswith(f"a.conll:1: not {encoding}: ")


LONG = b"Ada B-PER\nleft O\n" + b"a" * 300_000 + b" O\n"


@pytest.mark.parametrize("kind", [*COMPRESS, "plain"])
def test_a_line_that_is_too_long_is_refused_with_its_number(tmp_path, kind):
    content = LONG if kind == "plain" else COMPRESS[kind](LONG)
    path = write(tmp_path / "x.conll", content)
    assert len(list(read_lines(path, max_line=300_003))) == 3
    with pytest.raises(DataError, match=r"x\.conll:3: a line must have at most 200000 bytes"):
        list(read_sentences(path, ReadOptions(max_line=200_000)))


@pytest.mark.parametrize("most", [8, 10, 17, 18, 300_001])
def test_just_the_lines_that_are_too_long_are_refused(tmp_path, most):
    lines = [b"a" * 10, b"", b"b" * 17, b"c" * 18, b"d" * 300_002]
    path = write(tmp_path / "x.txt", b"\n".join(lines))
    number = next(i for i, line in enumerate(lines, 1) if len(line) > most)
    found = read_lines(path, max_line=most)
    with pytest.raises(DataError, match=rf"x\.txt:{number}: a line"):
        list(found)


@pytest.mark.parametrize("encoding", ["utf-16", "latin-1"])
def test_long_lines_in_other_encodings_are_refused(tmp_path, encoding):
    path = write(tmp_path / "x.conll", LONG.decode().encode(encoding))
    with pytest.raises(DataError, match=r"x\.conll:3: a line must have at most 200000 bytes"):
        list(read_lines(path, encoding, max_line=200_000))


def test_a_file_of_carriage_returns_has_short_lines(tmp_path):
    path = write(tmp_path / "x.txt", b"Ada left.\r" * 1000)
    assert len(list(read_lines(path, max_line=20))) == 1000


def test_a_small_file_with_a_line_of_a_gigabyte_takes_no_memory(tmp_path):
    path = tmp_path / "x.jsonl.zst"
    with path.open("wb") as file, zstandard.ZstdCompressor().stream_writer(file) as packed:
        for _ in range(64):
            packed.write(bytes(1 << 24))
    tracemalloc.start()
    with pytest.raises(DataError, match=r"x\.jsonl\.zst:1: a line"):
        list(read_sentences(path, ReadOptions(max_line=1 << 20)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 32 << 20


@pytest.mark.skipif(os.name == "nt", reason="needs named pipes")
@pytest.mark.parametrize(
    "read", [read_sentences, read_vectors, file_digest], ids=["corpus", "vectors", "digest"]
)
def test_a_pipe_that_nobody_writes_to_is_refused_at_once(tmp_path, read):
    path = tmp_path / "x"
    os.mkfifo(path)
    with pytest.raises(DataError, match=r"x: must be a file that can be read more.* Got a pipe"):
        read(path)


@pytest.mark.skipif(os.name == "nt", reason="needs sockets with paths")
def test_a_socket_and_a_device_are_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # the path of a socket must be short
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("s")
        for path, kind in (("s", "a socket"), ("/dev/zero", "a device")):
            with pytest.raises(DataError, match=f"must be a file .* Got {kind}"):
                read_sentences(path)
