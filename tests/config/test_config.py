import math
import tomllib
from typing import Annotated

import pytest
from annotated_types import Ge, Gt, Lt
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from ner.config.loading import Config, load_config, parse_config, parse_setting, to_toml
from ner.errors import ConfigError
from ner.files import write_text

SECTIONS = {n: f.annotation for n, f in Config.model_fields.items() if n not in ("task", "seed")}


def values(section, name):
    """Draw what a setting may be, from its type."""
    field = section.model_fields[name]
    metadata = tuple(m for m in field.metadata if isinstance(m, Ge | Gt | Lt))
    annotation = Annotated[field.annotation, *metadata] if metadata else field.annotation

    return st.from_type(annotation).filter(lambda value: is_valid(section, {name: value}))


def is_valid(section, tree):
    try:
        section.model_validate(tree)
    except ValidationError:
        return False
    return True


def sections(section: type[BaseModel]):
    optional = {name: values(section, name) for name in section.model_fields}
    return st.fixed_dictionaries({}, optional=optional).filter(lambda tree: is_valid(section, tree))


trees = st.fixed_dictionaries(
    {}, optional={"seed": st.integers(0), **{n: sections(s) for n, s in SECTIONS.items()}}
)


def message(tree=None, changes=None):
    with pytest.raises(ConfigError) as error:
        parse_config(tree or {}).updated(changes or {})
    return str(error.value)


@given(trees)
def test_a_configuration_comes_back_from_its_file(tmp_path_factory, tree):
    config = parse_config(tree)
    path = tmp_path_factory.mktemp("config") / "config.toml"
    path.write_text(to_toml(config), encoding="utf-8")
    assert load_config(path) == config


@given(st.text(st.characters(codec=None)))
def test_any_name_of_a_file_can_be_written(tmp_path_factory, name):
    path = tmp_path_factory.mktemp("config") / "config.toml"
    write_text(path, to_toml(parse_config({"data": {"train": name}})))
    assert load_config(path).data.train == name


@given(trees)
def test_an_explained_configuration_is_toml_for_the_same_settings(tree):
    config = parse_config(tree)
    assert parse_config(tomllib.loads(to_toml(config, explain=True))) == config


def test_without_an_explanation_a_file_has_no_comments_and_no_settings_without_a_value():
    lines = to_toml(parse_config({"training": {"patience": 3}})).splitlines()
    assert not any(line.startswith("#") for line in lines)
    assert "patience = 3" in lines
    assert not any(line.startswith("threads") for line in lines)


def blocks(text):
    """Split an explained file where it is empty: each setting with the comment above it."""
    for block in text.rstrip("\n").split("\n\n"):
        *comment, last = block.splitlines()
        yield words(" ".join(line.removeprefix("#") for line in comment)), last


def test_an_explained_file_has_the_help_of_each_section_and_setting_above_it():
    expected = []
    for name, field in Config.model_fields.items():
        section = SECTIONS.get(name)
        if section is None:
            expected.append((words(field.description), f"{name} = "))
            continue
        expected.append((words(section.__doc__), f"[{name}]"))
        for key, setting in section.model_fields.items():
            start = f"# {key} = ..." if setting.default is None else f"{key} = "
            expected.append((words(setting.description), start))
    _, *found = blocks(to_toml(Config(), explain=True))
    assert [help_ for help_, _ in found] == [help_ for help_, _ in expected]
    for (_, line), (_, start) in zip(found, expected, strict=True):
        assert line.startswith(start)


def words(text):
    return " ".join(text.split())


def test_comments_are_no_wider_than_a_screen():
    comments = [line for line in to_toml(Config(), explain=True).splitlines() if line[:1] == "#"]
    assert max(map(len, comments)) <= 88


@pytest.mark.parametrize(
    ("key", "hint"),
    [
        pytest.param("sed", "Did you mean 'seed'?", id="sed"),
        pytest.param("encoder.droput", "Did you mean 'dropout'?", id="encoder.droput"),
        pytest.param("epochs", "Did you mean 'training.epochs'?", id="epochs"),
        pytest.param(
            "dropout",
            "Did you mean 'bigrams.dropout' or 'embedder.dropout' or 'encoder.dropout'?",
            id="dropout",
        ),
        pytest.param("training.sed", "Did you mean 'seed'?", id="training.sed"),
        pytest.param("head.nonsense", "Known keys: kind, scheme, cost, bonus,", id="head.nonsense"),
        pytest.param("", "Known keys: task, seed, data,", id="empty"),
    ],
)
def test_an_unknown_key_is_refused_with_the_nearest_known_one(key, hint):
    assert message(changes={key: 3}).startswith(f"{key}: unknown key. {hint}")


@pytest.mark.parametrize(
    ("section", "settings", "words"),
    [
        pytest.param(
            "encoder", {"size": "x"}, "encoder.size: must be a valid integer. Got 'x'.", id="size x"
        ),
        pytest.param(
            "encoder",
            {"size": True},
            "encoder.size: must be a valid integer. Got True.",
            id="size True",
        ),
        pytest.param(
            "encoder",
            {"size": 0},
            "encoder.size: must be greater than or equal to 1. Got 0.",
            id="size 0",
        ),
        pytest.param(
            "encoder",
            {"cell": "rnn"},
            "encoder.cell: must be 'lstm', 'gru', 'mingru' or 'minlstm'. Got 'rnn'.",
            id="cell rnn",
        ),
        pytest.param(
            "encoder",
            3,
            "encoder: must be a section of settings. Got 3.",
            id="a section that is a number",
        ),
        pytest.param(
            "affixes",
            {"rows": "x"},
            "affixes.rows: must be 'auto' or be a valid integer. Got 'x'.",
            id="rows x",
        ),
        pytest.param(
            "data",
            {"columns": "a b"},
            "data.columns: must be a list. Got 'a b'.",
            id="columns that are a string",
        ),
        pytest.param(
            "data",
            {"columns": [1]},
            "data.columns: must be a valid string. Got 1.",
            id="columns that are numbers",
        ),
        pytest.param(
            "training",
            {"betas": [0.9]},
            "training.betas: must have more entries. Got [0.9].",
            id="one beta",
        ),
        pytest.param(
            "training",
            {"betas": [0.9, 0.9, 0.9]},
            "training.betas: must have at most 2 items. Got [0.9, 0.9, 0.9].",
            id="three betas",
        ),
        pytest.param(
            "training",
            {"learning_rate": math.inf},
            "training.learning_rate: must be a finite number. Got inf.",
            id="an infinite learning rate",
        ),
        pytest.param(
            "characters",
            {"output_size": 3},
            "characters.output_size: must be a multiple of 2. Got 3.",
            id="an odd output size",
        ),
        pytest.param(
            "head",
            {"cost": -1},
            "head.cost: must be greater than or equal to 0. Got -1.",
            id="a negative cost",
        ),
        pytest.param(
            "head",
            {"kind": "softmax", "cost": 0.5},
            "head.cost: must be 0 where the kind is softmax. Got 0.5.",
            id="a cost of softmax",
        ),
        pytest.param(
            "head",
            {"kind": "softmax", "bonus": 0.5},
            "head.bonus: must be 0 where the kind is softmax. Got 0.5.",
            id="a bonus of softmax",
        ),
        pytest.param(
            "head",
            {"weights": {"LOC": 0}},
            "head.weights: must be greater than 0. Got 0.",
            id="a weight of 0",
        ),
        pytest.param(
            "head",
            {"weights": 3},
            "head.weights: must be a table. Got 3.",
            id="weights that are a number",
        ),
        pytest.param(
            "words",
            {"lowercase": 1},
            "words.lowercase: must be a valid boolean. Got 1.",
            id="lowercase 1",
        ),
    ],
)
def test_a_wrong_value_is_refused_with_what_must_hold(section, settings, words):
    assert message({section: settings}) == words


def test_every_fault_has_its_line():
    faults = message({"encoder": {"size": 0, "droput": 1}, "seed": -1})
    assert faults.splitlines() == [
        "encoder.droput: unknown key. Did you mean 'dropout'?",
        "seed: must be greater than or equal to 0. Got -1.",
        "encoder.size: must be greater than or equal to 1. Got 0.",
    ]


def test_a_change_below_a_setting_is_refused():
    assert message({"seed": 2}, {"seed.x": 3}) == "seed.x: 'seed' must be a section. Got a setting."


def test_changes_leave_the_rest_as_it_was():
    config = parse_config({"encoder": {"size": 7, "layers": 2}})
    changed = config.updated({"encoder.size": 9, "data.columns": ("token", "ner")})
    assert (changed.encoder.size, changed.encoder.layers) == (9, 2)
    assert changed.data.columns == ("token", "ner")
    assert config.encoder.size == 7


def test_the_settings_of_the_caller_are_not_changed():
    section = {"size": 7}
    parse_config({}).updated({"encoder": section, "encoder.layers": 2})
    assert section == {"size": 7}


def test_weights_of_labels_are_set_one_by_one_or_as_a_table(tmp_path):
    config = parse_config({"head": {"weights": {"LOC": 2}}}).updated({"head.weights.ORG": 0.5})
    assert config.head.weights == {"LOC": 2.0, "ORG": 0.5}
    key, value = parse_setting('head.weights={"a.b c" = 3}')
    config = config.updated({key: value})
    assert config.head.weights == {"a.b c": 3.0}
    assert '\nweights = {"a.b c" = 3.0}\n' in to_toml(config)
    path = tmp_path / "config.toml"
    path.write_text(to_toml(config), encoding="utf-8")
    assert load_config(path) == config


def test_affixes_are_hashed_only_where_there_are_no_vectors():
    assert Config().resolved().affixes.rows == 32768
    assert parse_config({"vectors": {"path": "x"}}).resolved().affixes.rows == 0
    assert parse_config({"affixes": {"rows": 5}}).resolved().affixes.rows == 5


@pytest.mark.parametrize(
    ("text", "setting"),
    [
        pytest.param("encoder.size=100", ("encoder.size", 100), id="number"),
        pytest.param("words.lowercase = false", ("words.lowercase", False), id="boolean"),
        pytest.param(
            "data.columns=['token', 'ner']", ("data.columns", ["token", "ner"]), id="list"
        ),
        pytest.param("data.train=a=b c.conll", ("data.train", "a=b c.conll"), id="string"),
    ],
)
def test_a_setting_is_read_as_toml_or_else_as_a_string(text, setting):
    assert parse_setting(text) == setting


@pytest.mark.parametrize("text", ["encoder.size", "=3", ""], ids=["no value", "no key", "empty"])
def test_a_setting_without_key_or_value_is_refused(text):
    with pytest.raises(ConfigError) as error:
        parse_setting(text)
    assert str(error.value) == f"--set: must be key=value, such as encoder.size=100. Got {text!r}."


@pytest.mark.parametrize(
    ("content", "words"),
    [
        pytest.param(
            b"[encoder]\ndroput = 1",
            "encoder.droput: unknown key. Did you mean 'dropout'?",
            id="an unknown key",
        ),
        pytest.param(b"seed", "must be TOML. Got an error: ", id="no TOML"),
        pytest.param(b"seed = '\xe9'", "must be TOML. Got an error: ", id="latin-1"),
    ],
)
def test_a_bad_file_is_refused_with_its_name(tmp_path, content, words):
    path = tmp_path / "bad.toml"
    path.write_bytes(content)
    with pytest.raises(ConfigError) as error:
        load_config(path)
    assert str(error.value).startswith(f"{path}: {words}")


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"none\.toml: no such file or directory"):
        load_config(tmp_path / "none.toml")
    with pytest.raises(ConfigError, match=": is a directory"):
        load_config(tmp_path)


def test_a_fault_in_a_change_is_not_blamed_on_the_file(tmp_path):
    path = tmp_path / "good.toml"
    path.write_bytes(b"\xef\xbb\xbfseed = 2\r\n")  # a BOM, as editors on Windows write it
    assert load_config(path).seed == 2
    with pytest.raises(ConfigError, match=r"^sed: unknown key"):
        load_config(path, {"sed": 3})
