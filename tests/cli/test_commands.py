import pytest
import typer

from ner.cli.app import app
from tests.cli.helpers import fails


def options_with_a_value(command, words=()):
    """Yield the words of each command and each of its options that takes one value."""
    for name, inner in getattr(command, "commands", {}).items():
        yield from options_with_a_value(inner, (*words, name))
    for parameter in command.params:
        takes_one = parameter.param_type_name == "option" and not (
            parameter.is_flag or parameter.multiple
        )
        if takes_one and words:
            yield pytest.param(
                [*words, *[parameter.opts[0], *["1"] * parameter.nargs] * 2],
                id=" ".join((*words, parameter.opts[0])),
            )


@pytest.mark.parametrize("words", list(options_with_a_value(typer.main.get_command(app))))
def test_an_option_given_twice_is_refused(run, words):
    place = next(i for i, word in enumerate(words) if word.startswith("-"))
    command, option = " ".join(words[:place]), words[place]
    fails(run(*words), 2, f"ner {command}: {option} must be given only once. Got 2 values, ")


def test_a_flag_given_twice_says_nothing_more(run):
    assert run("config", "show", "none.toml")[0] == 2
    found = run("info", "./none.d/m", "--json", "--json")
    assert found[2] == "none.d/m: no such folder.\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        pytest.param(
            "--set data.train=a --train b",
            "ner train: data.train must be given only once. Got 'a' and 'b'.",
            id="a setting and an option",
        ),
        pytest.param(
            "--set training.epochs=1 --set training.epochs=2",
            "ner train: training.epochs must be given only once. Got 1 and 2.",
            id="a setting twice",
        ),
        pytest.param(
            "--seed 1 --set seed=2",
            "ner train: seed must be given only once. Got 2 and 1.",
            id="the seed",
        ),
    ],
)
def test_a_setting_given_twice_is_refused(run, words, message):
    fails(run("train", *words.split()), 2, message)


@pytest.mark.parametrize("command", ["curve", "distil", "extend", "simulate", "sweep", "train"])
def test_a_setting_is_given_only_once(run, command):
    """Where an option stands for a setting, --set must not contradict it."""
    needed = {
        "distil": ["a.jsonl", "--gold", "b.jsonl", "--dev", "c.jsonl"],
        "extend": ["en", "--with", "a.jsonl", "--types", "DRUG"],
    }
    twice = ["--set", "seed=1", "--seed", "2"]
    code, out, err = run(command, *needed.get(command, ["--train", "a.conll"]), *twice)
    assert (code, out) == (2, "")
    assert err == f"ner {command}: seed must be given only once. Got 1 and 2.\n"
