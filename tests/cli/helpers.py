"""What tests of commands share."""

import json

CONLL = """-DOCSTART- -X- O

Awa NNP B-PER
Badjie NNP I-PER
left VBD O

ZIGUINCHOR NNP B-LOC
"""


def fails(result, code, words):
    """Check that a command failed with one line that holds certain words, and no other output."""
    assert result[0] == code
    assert result[1] == ""
    assert result[2].count("\n") == 1
    assert words in result[2]


def records(output):
    return [json.loads(line) for line in output.removesuffix("\n").split("\n")]


def write(name, content):
    with open(name, "wb") as file:
        file.write(content.encode() if isinstance(content, str) else content)
    return name
