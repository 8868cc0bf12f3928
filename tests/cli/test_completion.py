"""Shells complete commands, options, their values, and the names of configurations."""

import pytest

from ner.recipes import recipe_names


@pytest.fixture
def complete(run, monkeypatch):
    """Answer as a shell asks for what may follow the words of a line; the last is not finished."""

    def ask(line):
        words = ["ner", *line.split(" ")]
        monkeypatch.setenv("_NER_COMPLETE", "complete_bash")
        monkeypatch.setenv("COMP_WORDS", " ".join(words))
        monkeypatch.setenv("COMP_CWORD", str(len(words) - 1))
        return run()[1].split()

    return ask


@pytest.mark.parametrize(
    ("line", "ends"),
    [
        ("exp", ["export"]),
        ("data st", ["stats"]),
        ("tag --min", ["--min-score"]),
        ("tag --output l", ["label-studio"]),
        ("train trec", ["trec"]),
        ("config show sst", ["sst2"]),
        (
            "train conll2003",
            ["conll2003", "conll2003_documents", "conll2003_fast", "conll2003_glove"],
        ),
    ],
    ids=["command", "inner command", "option", "value", "recipe", "shown recipe", "three recipes"],
)
def test_a_line_is_completed(complete, line, ends):
    assert complete(line) == ends


def test_every_recipe_is_offered(complete):
    assert complete("train ") == recipe_names()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "powershell"])
def test_a_script_for_a_shell_is_printed(run, monkeypatch, shell):
    monkeypatch.setenv("_NER_COMPLETE", f"source_{shell}")
    code, out, err = run()
    assert (code, err) == (0, "")
    assert "_NER_COMPLETE" in out and f"complete_{shell}" in out


def test_the_script_can_be_installed_and_shown(run):
    out = run("--help")[1]
    assert "--install-completion" in out and "--show-completion" in out
