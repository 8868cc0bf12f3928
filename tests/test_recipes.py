"""Configurations that come with the package are found by their names."""

import json
import tomllib
from pathlib import Path

import pytest

import ner.recipes
from ner.config.loading import load_config
from ner.errors import ConfigError
from ner.recipes import describe_recipe, find_config, recipe_names, recipe_path
from tests.cli.helpers import fails

CONFIGS = sorted((Path(__file__).parents[1] / "configs").glob("*.toml"))


def test_every_configuration_has_a_name_and_says_what_it_is_for():
    assert recipe_names() == [path.stem for path in CONFIGS]
    assert all(describe_recipe(name).endswith(".") for name in recipe_names())


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_a_name_means_the_file(path):
    assert find_config(path.stem).samefile(path)
    assert load_config(path.stem) == load_config(path)


def test_a_file_wins_over_a_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("sample").write_text("seed = 7")
    assert load_config("sample").seed == 7
    Path("own.toml").write_text("seed = 8")
    assert load_config("own.toml").seed == 8


def test_an_installed_package_has_the_folder_inside(tmp_path, monkeypatch):
    package = tmp_path / "ner"
    for folder, name in ((tmp_path, "other"), (package, "own")):
        (folder / "configs").mkdir(parents=True)
        (folder / "configs" / f"{name}.toml").write_text("# What it is.\n", encoding="utf-8")
    monkeypatch.setattr(ner.recipes, "__file__", str(package / "recipes.py"))
    assert recipe_names() == ["own"]
    assert recipe_path("own").parent.parent == package
    assert describe_recipe("own") == "What it is."


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (
            "conll2003_glov",
            "conll2003_glov: no such file, and no configuration that comes with the package, which "
            f"are {', '.join(recipe_names())}. Did you mean 'conll2003_glove'?",
        ),
        ("none.toml", "none.toml: no such file or directory."),
        (
            "configs/sample.toml",
            "configs/sample.toml: no such file or directory. It comes with the package under the "
            "name sample.",
        ),
    ],
    ids=["near miss", "file", "path of a checkout"],
)
def test_what_is_neither_file_nor_name_is_refused(run, config, message):
    for command in (["config", "show"], ["train"]):
        fails(run(*command, config), 2, message)
    with pytest.raises(ConfigError, match=config):
        ner.train(config)


def test_names_are_listed_with_what_they_are_for(run):
    code, out, err = run("config", "list")
    assert (code, err) == (0, "")
    assert [line.split("  ")[0] for line in out.splitlines()] == recipe_names()
    assert json.loads(run("config", "list", "--json")[1])["sample"] == describe_recipe("sample")


def test_a_configuration_is_shown_by_its_name(run):
    code, out, _ = run("config", "show", "sample")
    assert code == 0
    assert tomllib.loads(out)["data"]["train"] == "sample:train"


def test_a_run_is_called_as_its_configuration(run):
    small = ("--set=encoder.size=4", "--set=words.size=4", "--epochs=1", "--set=affixes.rows=8")
    assert run("train", "sample", *small)[0] == 0
    assert Path("runs/sample/model").is_dir()
