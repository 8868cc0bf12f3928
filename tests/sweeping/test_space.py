"""What is searched: notation, checks, grids."""

from pathlib import Path

import pytest

from ner.config.loading import Config
from ner.errors import ConfigError
from ner.sweeping.space import Choices, Range, grid, own_settings, parse_search, read_space

CONFIG = Config()


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ("50,100", [50, 100]),
        ("lstm,gru", ["lstm", "gru"]),
        ("true,false", [True, False]),
        ("auto,16", ["auto", 16]),
        ("[0.9,0.99],[0.8,0.9]", [[0.9, 0.99], [0.8, 0.9]]),
        ("0.1..0.5", "0.1..0.5"),
        ("log:1e-4..1e-2", "log:1e-4..1e-2"),
    ],
    ids=["numbers", "words", "flags", "mixed", "lists", "range", "logarithmic range"],
)
def test_values_are_toml_words_or_a_range(values, expected):
    assert parse_search([f"a.b={values}"]) == {"a.b": expected}


def test_a_file_has_the_form_of_a_configuration(tmp_path):
    path = tmp_path / "space.toml"
    path.write_text('[encoder]\nsize = [50, 100]\ndropout = "0.1..0.5"\n')
    expected = {"encoder.size": [50, 100], "encoder.dropout": "0.1..0.5", "words.size": [5]}
    assert parse_search([str(path), "words.size=5"]) == expected


def test_a_range_is_whole_where_the_setting_refuses_fractions():
    search = {"encoder.layers": "1..3", "encoder.dropout": "0..0.5", "training.l2": "0..1"}
    space = read_space(search, CONFIG)
    assert space["encoder.layers"] == Range(1, 3, whole=True)
    assert space["encoder.dropout"] == Range(0, 0.5)
    assert space["training.l2"] == Range(0, 1)
    assert read_space({"training.learning_rate": "log:1e-4 .. 1e-2"}, CONFIG) == {
        "training.learning_rate": Range(1e-4, 1e-2, log=True)
    }


@pytest.mark.parametrize(
    ("search", "words"),
    [
        ({}, "search: must name at least one setting"),
        ({"encoder.droput": [0.1]}, "encoder.droput: unknown key. Did you mean"),
        ({"encoder.dropout": [0.1, 2]}, "encoder.dropout: must"),
        ({"encoder.dropout": "0.1..2"}, "encoder.dropout: must"),
        ({"encoder.dropout": "0.5..0.1"}, "from a lower to a higher number"),
        ({"training.l2": "log:0..1"}, "from a number above 0"),
        ({"encoder.dropout": "1.2.3..4"}, "must be a range"),
        ({"encoder.size": [5, 5]}, "a list of different values"),
        ({"encoder.size": []}, "a list of different values"),
        ({"encoder.size": 5}, "a list of different values"),
        ({"data.train": ["a", "b"]}, "data.train must be the same in all trials"),
        ({"seed": [1, 2]}, "seed must be the same in all trials"),
    ],
    ids=[
        "nothing",
        "unknown key",
        "value out of range",
        "end out of range",
        "falling range",
        "logarithm of zero",
        "no numbers",
        "equal values",
        "no values",
        "one number",
        "data",
        "seed",
    ],
)
def test_what_cannot_be_searched_is_refused(search, words):
    with pytest.raises(ConfigError, match=words.replace(".", r"\.")):
        read_space(search, CONFIG)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["encoder.size"], "--search: must be KEY=VALUES"),
        (["=5"], "--search: must be KEY=VALUES"),
        (["encoder.size=5", "encoder.size=6"], "encoder.size must be given only once"),
        (["no.toml"], "no.toml: no such file"),
        (["bad.toml"], "bad.toml: must be TOML"),
    ],
    ids=["no values", "no key", "twice", "no file", "no TOML"],
)
def test_options_that_are_no_search_are_refused(options, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("bad.toml").write_text("[")
    with pytest.raises(ConfigError, match=words):
        parse_search(options)


def test_a_grid_has_all_combinations():
    space = {"a": Choices(("x", "y")), "b": Range(1, 2, whole=True)}
    assert [tuple(point.values()) for point in grid(space)] == [
        ("x", 1),
        ("x", 2),
        ("y", 1),
        ("y", 2),
    ]
    with pytest.raises(ConfigError, match=r"search: b: a grid needs a list of values"):
        grid({"b": Range(0, 1)})


def test_own_settings_count_only_if_all_are_within_the_space():
    space = {"encoder.dropout": Range(0, 0.9), "training.betas": Choices(([0.9, 0.99], [0, 0.9]))}
    dropout = CONFIG.encoder.dropout
    expected = {"encoder.dropout": dropout, "training.betas": [0.9, 0.99]}
    assert own_settings(space, CONFIG) == expected
    assert own_settings({**space, "encoder.size": Choices((3,))}, CONFIG) is None
