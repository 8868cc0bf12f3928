"""Files of rules: what they may hold, and what is wrong with others."""

import pickle
import sys

import pytest

import ner
from ner.errors import ConfigError, MissingExtraError
from ner.rules.rule import Rule

FULL = """
[[rules]]
name = "drugs"
label = "DRUG"
words = ["aspirin", "acetylsalicylic acid"]
file = "lists/drugs.txt"
patterns = ['[a-z]+mab']
ignore_case = true
misaligned = "snap"
score = 0.9
priority = -2

[[rules]]
name = "no names"
words = ["May"]
never = true
"""


def write(folder, text, name="names.toml"):
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_a_file_says_all_of_its_rules(tmp_path):
    write(tmp_path, "\ufeffibuprofen\r\n\n  aspirin \n", "lists/drugs.txt")
    rules = ner.Rules.load(write(tmp_path, FULL))
    words = ("aspirin", "acetylsalicylic acid", "ibuprofen")
    assert rules.rules == (
        Rule("drugs", "DRUG", words, ("[a-z]+mab",), False, True, "snap", 0.9, -2),
        Rule("no names", None, ("May",), never=True),
    )
    assert (rules.labels, rules.sources) == (("DRUG",), ("drugs",))
    assert repr(rules) == f"<Rules {tmp_path / 'names.toml'}: drugs>"


def test_rules_pickle_and_have_a_digest_of_all_that_they_say(tmp_path):
    write(tmp_path, "ibuprofen", "lists/drugs.txt")
    rules = ner.Rules.load(write(tmp_path, FULL))
    copy = pickle.loads(pickle.dumps(rules))
    assert (copy.rules, copy.digest) == (rules.rules, rules.digest)
    assert copy.tag("Ibuprofen helps").entities == rules.tag("Ibuprofen helps").entities != ()
    write(tmp_path, "ibuprofene", "lists/drugs.txt")
    assert ner.Rules.load(tmp_path / "names.toml").digest != rules.digest


def rule(**changes):
    """Write a rule with some keys changed, or left out where they are None."""
    keys = {"name": '"drugs"', "label": '"DRUG"', "words": '["aspirin"]', **changes}
    return "[[rules]]\n" + "\n".join(f"{k} = {v}" for k, v in keys.items() if v is not None)


BROKEN = {
    "no TOML": ("[[rules]", "must be TOML. Got an error: "),
    "no UTF-8": (b"[[rules]]\nname = '\xff'", "must be TOML. Got an error: "),
    "no rules": ("", "must have at least one [[rules]]. Got none."),
    "rules that are none": ("rules = 1", "rules: must be tables [[rules]]. Got 1."),
    "a rule that is none": ("rules = [1]", "rule 1: must be a table of keys. Got 1."),
    "an unknown table": ("[[rule]]", "rule: unknown key. Did you mean 'rules'?"),
    "another table": ("[zebra]", "zebra: unknown key. Known keys: rules."),
    "no name": (rule(name=None), "rule 1: name: must be there. Got none."),
    "a blank name": (rule(name='" "'), "rule 1: name: must be a name without blanks around it"),
    "equal names": (
        f"{rule()}\n{rule()}",
        "rule 'drugs': name: must be unique. Got two of it.",
    ),
    "no label": (
        rule(label=None),
        "rule 'drugs': label: must be there, unless never = true. Got none.",
    ),
    "an empty label": (rule(label='""'), "rule 'drugs': label: must be a name"),
    "an unknown key": (rule(wrods="[]"), "rule 'drugs': wrods: unknown key. Did you mean 'words'?"),
    "a strange key": (
        rule(zebra="1"),
        "rule 'drugs': zebra: unknown key. Known keys: name, label, words, file, patterns,",
    ),
    "nothing to find": (
        rule(words=None),
        "rule 'drugs': must have words, a file of them, or patterns. Got none.",
    ),
    "no words": (rule(words="[]"), "rule 'drugs': words: must be a list of words, none of them"),
    "a blank word": (rule(words='["a", " "]'), "rule 'drugs': words: must be a list of words"),
    "one word": (rule(words='"a"'), "rule 'drugs': words: must be a list of words"),
    "no patterns": (rule(patterns="[]"), "rule 'drugs': patterns: must be a list of regular"),
    "a broken pattern": (
        rule(patterns="['(a']"),
        "rule 'drugs': patterns: must be regular expressions. Got '(a': missing )",
    ),
    "an empty pattern": (
        rule(patterns="['a*']"),
        "rule 'drugs': patterns: must not match an empty text. Got 'a*'.",
    ),
    "a missing file": (
        rule(file='"no.txt"'),
        "rule 'drugs': file: {folder}/no.txt: no such file",
    ),
    "an empty file": (
        rule(file='"empty.txt"'),
        "rule 'drugs': file: {folder}/empty.txt must have a word on each line. Got none.",
    ),
    "a file that is no UTF-8": (
        rule(file='"latin.txt"'),
        "rule 'drugs': file: {folder}/latin.txt:1: not UTF-8",
    ),
    "a score above 1": (
        rule(score="1.5"),
        "rule 'drugs': score: must be a finite number from 0 to 1. Got 1.5.",
    ),
    "a priority that is no number": (rule(priority='"high"'), "rule 'drugs': priority: must be a"),
    "a flag that is none": (rule(never="1"), "rule 'drugs': never: must be true or false. Got 1."),
    "another choice": (
        rule(misaligned='"cut"'),
        "rule 'drugs': misaligned: must be one of drop, snap. Got 'cut'.",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_wrong_is_said_in_a_line_with_the_file_and_the_rule(tmp_path, name):
    text, message = BROKEN[name]
    write(tmp_path, " \n", "empty.txt")
    write(tmp_path, b"caf\xe9", "latin.txt")
    path = write(tmp_path, text)
    with pytest.raises(ConfigError) as error:
        ner.Rules.load(path)
    assert str(error.value).startswith(f"{path}: {message.format(folder=tmp_path)}")
    assert "\n" not in str(error.value)


def test_a_missing_file_of_rules_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"no\.toml: no such file or directory\.$"):
        ner.Rules.load(tmp_path / "no.toml")


def test_patterns_need_no_library_for_words(monkeypatch):
    monkeypatch.setitem(sys.modules, "ahocorasick_rs", None)
    years = {"name": "years", "label": "DATE", "patterns": ["[0-9]{4}"]}
    assert ner.Rules.from_dict({"rules": [years]}).tag("in 1815").entities[0].text == "1815"
    names = {"name": "names", "label": "PER", "words": ["Ada"]}
    with pytest.raises(MissingExtraError) as error:
        ner.Rules.from_dict({"rules": [names]})
    assert str(error.value) == (
        "A word list of rules needs ahocorasick_rs: pip install 'lattice-ner[rules]'"
    )


def test_labels_that_a_model_lacks_are_refused_with_those_it_has():
    rules = ner.Rules([Rule("no months", "DATE", patterns=("May",), never=True)], "x.toml")
    rules.check_labels(["PER", "DATE"])
    with pytest.raises(ConfigError) as error:
        rules.check_labels(["PER", "LOC"])
    assert str(error.value) == (
        "x.toml: rule 'no months': label: must be one of the model's labels PER, LOC. Got 'DATE'."
    )
