import re
import subprocess
import sys

import pytest
import typer

import ner
from ner.cli.app import app


def commands(command, name="ner"):
    """Yield a command and all commands in it, with their names."""
    yield name, command
    for inner_name, inner in getattr(command, "commands", {}).items():
        yield from commands(inner, f"{name} {inner_name}")


def helps():
    """Find the help of every command, and of its arguments and options."""
    for name, command in commands(typer.main.get_command(app)):
        yield pytest.param(command.help, id=name)
        for parameter in command.get_params(command.context_class(command)):
            shown = parameter.opts[0] if parameter.param_type_name == "option" else parameter.name
            yield pytest.param(parameter.help, id=f"{name} {shown}")


@pytest.mark.parametrize("text", list(helps()))
def test_every_help_is_a_full_sentence(text):
    assert text
    assert text[0].isupper()
    assert text.endswith(".")
    assert len(text.split()) >= 2
    assert not text.startswith("Of ")


def test_helps_say_the_same_words_for_the_same_option():
    found = {}
    for _, command in commands(typer.main.get_command(app)):
        for parameter in command.params:
            if parameter.name in ("encoding", "columns", "on_error", "device", "as_json", "seed"):
                found.setdefault(parameter.name, set()).add(parameter.help)
    assert {name: len(texts) for name, texts in found.items()} == dict.fromkeys(found, 1)


@pytest.mark.parametrize(
    "name",
    [name for name, _ in commands(typer.main.get_command(app))],
)
def test_the_help_of_every_command_fits_a_narrow_terminal(run, monkeypatch, name):
    monkeypatch.setenv("COLUMNS", "80")
    code, out, err = run(*name.split()[1:], "--help")
    assert (code, err) == (0, "")
    assert f"Usage: {name} [OPTIONS]" in out
    assert max(map(len, out.splitlines())) <= 80


def test_the_version_is_printed(run):
    assert run("--version") == (0, f"ner {ner.__version__}\n", "")
    assert re.fullmatch(r"\d+\.\d+\.\d+\S*", ner.__version__)


def test_the_package_is_a_command():
    command = [sys.executable, "-m", "ner", "--version"]
    result = subprocess.run(command, capture_output=True, text=True)
    assert (result.returncode, result.stdout) == (0, f"ner {ner.__version__}\n")
