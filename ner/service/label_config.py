"""Labelling configurations of Label Studio: which tags can hold what a model finds.

A control tag, such as `<Labels name="label" toName="text">`, holds labels for an object tag, such
as `<Text name="text" value="$text"/>`, whose value names the field of a task.

Source: https://labelstud.io/tags/labels, https://labelstud.io/tags/choices,
https://labelstud.io/tags/text; "predicted_values" as in label-studio-ml.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.parsers import expat

from ner.data.lines import short
from ner.errors import DataError

# The tags that hold spans or labels of texts, and the tags inside of them that name a label.
LABEL_TAGS = {"Labels": "Label", "Choices": "Choice"}


@dataclass(frozen=True)
class Control:
    """A tag that can hold labels of a text.

    Args:
        kind: Its name: "Labels" for spans, "Choices" for labels of a whole text.
        name: The name that results use.
        to_name: The name of the text that it is about.
        key: The field of a task that holds the text.
        labels: What it calls each label of a model; empty where it does not list its labels.
    """

    kind: str
    name: str
    to_name: str
    key: str
    labels: dict[str, str]

    def name_of(self, label: str) -> str | None:
        """Return what the tag calls a label of the model; None where it lacks the label."""
        return self.labels.get(label) if self.labels else label


@dataclass
class _Reader:
    """Collects tags. No tree is made of them, so their depth costs nothing."""

    controls: list[tuple[str, dict[str, str], dict[str, str]]] = field(default_factory=list)
    texts: dict[str, dict[str, str]] = field(default_factory=dict)

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if tag in LABEL_TAGS:
            self.controls.append((tag, attributes, {}))
        elif tag == "Text":
            self.texts[attributes.get("name", "")] = attributes
        elif self.controls and tag == LABEL_TAGS[self.controls[-1][0]]:
            self.controls[-1][2].update(_names(attributes))

    def refuse(self, *_: object) -> None:
        raise DataError("label_config: must have no document type. Got one.")


def _names(attributes: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Yield labels of models, and what results call them."""
    value = attributes.get("value", "")
    name = attributes.get("alias") or value
    for label in (value, name, *attributes.get("predicted_values", "").split(",")):
        if label.strip() and not value.startswith("$"):
            yield label.strip(), name


def read_controls(config: str) -> list[Control]:
    """Read the tags of a configuration that can hold labels of a text, in their order.

    Raises:
        DataError: It is no XML, or has a document type.
    """
    reader = _Reader()
    parser = expat.ParserCreate()
    parser.StartElementHandler = reader.start
    parser.StartDoctypeDeclHandler = reader.refuse
    try:
        parser.Parse(config, True)
    except expat.ExpatError as error:
        raise DataError(f"label_config: must be XML. Got {error}.") from None
    return list(_joined(reader))


def _joined(reader: _Reader) -> Iterator[Control]:
    for kind, attributes, labels in reader.controls:
        name, to_name = attributes.get("name"), attributes.get("toName")
        text = reader.texts.get(to_name or "")
        if name is None or to_name is None or text is None or text.get("valueType") == "url":
            continue
        if (value := text.get("value", "")).startswith("$"):
            yield Control(kind, name, to_name, value[1:], labels)


def control_for(config: str, kind: str) -> Control:
    """Return the first tag of a kind that is about a text.

    Raises:
        DataError: There is none, or the configuration cannot be read.
    """
    controls = read_controls(config)
    for control in controls:
        if control.kind == kind:
            return control
    found = ", ".join(f"<{control.kind}>" for control in controls) or short(config)
    raise DataError(
        f'label_config: must have <{kind} name="…" toName="…"> for a <Text> tag whose value is '
        f"a field of the task, such as $text. Got {found}."
    )
