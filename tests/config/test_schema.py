"""The JSON schema of configurations, by which editors complete and check them."""

import json
import tomllib
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from ner.config.loading import Config, json_schema, to_toml

CONFIGS = sorted((Path(__file__).parents[2] / "configs").glob("*.toml"))
VALIDATOR = Draft202012Validator(json_schema())


def test_the_schema_is_one():
    Draft202012Validator.check_schema(json_schema())
    assert json_schema()["additionalProperties"] is False


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_configuration_fits_the_schema(path):
    VALIDATOR.validate(tomllib.loads(path.read_text(encoding="utf-8")))


def test_what_the_package_writes_fits_the_schema():
    VALIDATOR.validate(tomllib.loads(to_toml(Config())))


@pytest.mark.parametrize(
    ("settings", "place"),
    [
        ({"sed": 1}, []),
        ({"seed": -1}, ["seed"]),
        ({"task": "names"}, ["task"]),
        ({"encoder": {"droput": 0.1}}, ["encoder"]),
        ({"encoder": {"dropout": 1.5}}, ["encoder", "dropout"]),
        ({"training": {"epochs": "many"}}, ["training", "epochs"]),
        ({"data": {"columns": "token ner"}}, ["data", "columns"]),
        ({"training": 3}, ["training"]),
    ],
    ids=["key", "range", "choice", "key of a section", "share", "type", "list", "section"],
)
def test_a_mistake_is_found_where_it_is(settings, place):
    (error,) = VALIDATOR.iter_errors(settings)
    assert list(error.absolute_path) == place


def test_every_setting_has_its_help():
    schema = json_schema()
    sections = [schema, *schema["$defs"].values()]
    for section in sections:
        for name, setting in section["properties"].items():
            assert "$ref" in setting or setting["description"], name


def test_the_command_prints_the_schema(run):
    code, out, err = run("config", "schema")
    assert (code, err) == (0, "")
    assert json.loads(out) == json_schema()
