import numpy as np
import pytest

from ner.errors import ConfigError, DataError
from ner.forecasting.tables import read_table


@pytest.fixture
def write(tmp_path):
    """Write a file and return its path."""

    def call(text, name="series.csv"):
        path = tmp_path / name
        path.write_bytes(text.encode())
        return path

    return call


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("month,value\n1949-01,112\n1949-02,118.5\n", id="plain"),
        pytest.param(
            '"month","value"\r\n"1949-01",112\r\n"1949-02"," 118.5"\r\n', id="quotes and CRLF"
        ),
        pytest.param(
            "\ufeffmonth,value\n1949-01,112\n1949-02,1.185e2\n\n\n",
            id="byte order mark and blank lines",
        ),
        pytest.param("month,value\n1949-01,112\n1949-02,118.5", id="no newline at the end"),
    ],
)
def test_a_table_is_the_same_in_any_spelling(write, text):
    table = read_table(write(text))
    assert table.names == ("month", "value")
    assert table.numbers([1]).tolist() == [[112.0], [118.5]]


def test_without_a_header_columns_are_numbers(write):
    table = read_table(write("1,2\n3,4\n"))
    assert table.names == ("1", "2")
    assert table.numbers([table.index("-1"), table.index("1")]).tolist() == [[2, 1], [4, 3]]


@pytest.mark.parametrize(("header", "rows"), [("auto", 2), ("no", 2), ("yes", 1)])
def test_a_header_of_numbers_has_to_be_named(write, header, rows):
    assert len(read_table(write("1990,1991\n3,4\n"), header).rows) == rows


def test_a_first_row_of_words_can_be_a_row(write):
    assert read_table(write("a,b\nc,d\n"), "no").names == ("1", "2")


def test_columns_have_names_and_numbers(write):
    table = read_table(write("a,b,c\n1,2,3\n"))
    assert [table.index(name) for name in ("b", "2", "-1", "-3")] == [1, 1, 2, 0]


def test_other_delimiters(write):
    assert read_table(write("a;b\n1;2\n"), delimiter=";").numbers([0, 1]).tolist() == [[1, 2]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(
            "a,b\n1,2\n3\n",
            "series.csv:3: 1 column, but the first row has 2.",
            id="a column too few",
        ),
        pytest.param(
            "a\n1\n2,3\n",
            "series.csv:3: 2 columns, but the first row has 1.",
            id="a column too many",
        ),
        pytest.param(
            "a\n1\n\n2\n",
            "series.csv:3: a row of numbers is needed. Got a blank line.",
            id="a blank line",
        ),
        pytest.param(
            "", "series.csv: at least one row of numbers is needed. Got none.", id="empty"
        ),
        pytest.param(
            "a,b\n",
            "series.csv: at least one row of numbers is needed. Got none.",
            id="a header alone",
        ),
        pytest.param(
            "a,a\n1,2\n", "series.csv: columns need different names. Got a, a.", id="a name twice"
        ),
        pytest.param(
            'a\n"1', "series.csv:2: not CSV: unexpected end of data.", id="a quote without end"
        ),
    ],
)
def test_a_table_that_cannot_be_read_says_where(write, text, message):
    with pytest.raises(DataError) as error:
        read_table(write(text))
    assert str(error.value).removeprefix(f"{write('').parent}/") == message


@pytest.mark.parametrize(
    ("cell", "got"),
    [
        pytest.param("", "a blank cell", id="empty"),
        pytest.param("  ", "a blank cell", id="blank"),
        pytest.param("x", "'x'", id="letter"),
        pytest.param("nan", "'nan'", id="nan"),
        pytest.param("1_0", "'1_0'", id="underscore"),
    ],
)
def test_a_cell_that_is_no_number_is_refused_where_it_is_read(write, cell, got):
    path = write(f"a,b\n1,2\n3,{cell}\n")
    table = read_table(path)
    assert table.numbers([0]).tolist() == [[1], [3]]
    with pytest.raises(DataError) as error:
        table.numbers([1])
    assert str(error.value) == f"{path}:3: column 'b' must hold a finite number. Got {got}."


@pytest.mark.parametrize("delimiter", ["", ",,"], ids=["none", "two"])
def test_a_delimiter_is_one_character(write, delimiter):
    with pytest.raises(ConfigError, match=rf"delimiter: must be one .*\. Got '{delimiter}'\.$"):
        read_table(write("a,b\n1,2\n"), delimiter=delimiter)


@pytest.mark.parametrize(
    "name", ["c", "3", "0", "-3", ""], ids=["a name", "beyond the last", "0", "below 0", "empty"]
)
def test_an_unknown_column_is_refused_with_those_there_are(write, name):
    with pytest.raises(DataError, match=rf"a column must be one of a, b\. Got '{name}'\."):
        read_table(write("a,b\n1,2\n")).index(name)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(DataError, match=r"no\.csv: no such file\."):
        read_table(tmp_path / "no.csv")


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        pytest.param("airline-passengers.csv", (144, 2), id="airline passengers"),
        pytest.param("ETTh1.csv", (17420, 8), id="ETTh1"),
        pytest.param("housing.csv", (506, 14), id="housing"),
    ],
)
def test_the_shared_tables_are_read_whole(shared_data, name, shape):
    table = read_table(shared_data(f"timeseries/{name}"))
    assert (len(table.rows), len(table.names)) == shape
    numbers = table.numbers([i for i in range(shape[1]) if table.has_numbers(i)])
    assert np.isfinite(numbers).all()
