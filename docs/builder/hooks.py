"""The pages of the site that are written from the code: settings, commands, Python reference.

MkDocs calls `on_files`. Nothing here is committed as a page, so no page can be out of date.
"""

import inspect
import json
import re
import sys
import typing
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import typer
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from pydantic import BaseModel
from pydantic.fields import FieldInfo

# The package that the pages describe is the one beside them, installed or not.
sys.path.insert(0, str(Path(__file__).parents[2]))

import ner
import ner.testing
from ner.cli.app import app

DO_NOT_EDIT = "<!-- Written from the code by docs/builder/hooks.py. -->\n"


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the written pages to those of the folder."""
    pages = {
        "settings.md": settings_page(),
        "commands.md": commands_page(),
        "reference/ner.md": reference_page(ner, "The package `ner`"),
        "reference/nn.md": reference_page(ner.nn, "The layers `ner.nn`"),
        "reference/testing.md": reference_page(ner.testing, "The checks `ner.testing`"),
    }
    for path, text in pages.items():
        files.append(File.generated(config, path, content=DO_NOT_EDIT + text))
    return files


def settings_page() -> str:
    """Describe every section of the configuration and each of its settings."""
    lines = [
        "# Settings\n",
        "A configuration is a TOML file of these sections. `--set SECTION.KEY=VALUE` on the "
        'command line and `ner.train(..., set={"SECTION.KEY": VALUE})` change one setting. '
        "`ner config show` prints all of them with their values.\n",
    ]
    plain, sections = [], []
    for name, field in config_class().model_fields.items():
        (sections if is_section(field.annotation) else plain).append((name, field))
    lines += ["## Top level\n", *settings_table(plain)]
    for name, field in sections:
        section = typing.cast("type[BaseModel]", field.annotation)
        lines += [
            f"## {name}\n",
            inspect.getdoc(section) or "",
            "",
            *settings_table(section.model_fields.items()),
        ]
    return "\n".join(lines)


def config_class() -> type[BaseModel]:
    """Find the class of a whole configuration: what `ner.train` takes beside a path."""
    kinds = typing.get_args(typing.get_type_hints(ner.train)["config"])
    return next(kind for kind in kinds if is_section(kind))


def is_section(kind: Any) -> bool:
    """Whether a type is a class of settings."""
    return inspect.isclass(kind) and issubclass(kind, BaseModel)


def settings_table(fields: Any) -> Iterator[str]:
    """Yield the lines of a table with a row for each setting."""
    yield "| setting | values | default | meaning |"
    yield "|---|---|---|---|"
    for name, field in fields:
        default = field.get_default(call_default_factory=True)
        shown = "none" if default is None else f"`{json.dumps(default)}`"
        yield row(f"`{name}`", values(field), shown, field.description or "")
    yield ""


def row(*cells: str) -> str:
    """Write a row of a table; a bar ends a cell, except inside of code."""
    escaped = (re.sub(r"(`[^`]*`)|\|", lambda m: m[1] or "\\|", cell) for cell in cells)
    return "| " + " | ".join(" ".join(cell.split()) for cell in escaped) + " |"


def values(field: FieldInfo) -> str:
    """Say what a setting may be: its choices, or its type and range."""
    ranges = [limit for one in field.metadata if (limit := limited(one))]
    return ", ".join([described(field.annotation), *ranges])


def described(kind: Any) -> str:
    """Put a type into words."""
    if typing.get_origin(kind) is typing.Annotated:
        inner, *notes = typing.get_args(kind)
        return ", ".join([described(inner), *filter(None, map(limited, notes))])
    if typing.get_origin(kind) is typing.Literal:
        return ", ".join(f"`{json.dumps(choice)}`" for choice in typing.get_args(kind))
    if kind is type(None):
        return "none"
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin is tuple:
        several = [one for one in inner if one is not Ellipsis]
        return "a list of " + " and ".join(dict.fromkeys(map(described, several)))
    if origin is dict:
        return f"a table of {described(inner[1])}"
    if inner:
        return " or ".join(map(described, inner))
    names = {str: "text", int: "whole number", float: "number", bool: "`true`, `false`"}
    return names.get(kind, str(kind))


def limited(note: Any) -> str:
    """Put a limit of a number into words; nothing for other notes on a type."""
    signs = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<", "multiple_of": "multiple of"}
    said = [f"{sign} {getattr(note, name)}" for name, sign in signs.items() if hasattr(note, name)]
    return ", ".join(said)


def commands_page() -> str:
    """Describe every command, its arguments and its options."""
    root = typer.main.get_command(app)
    intro = (
        "Results go to stdout, progress and messages to stderr. The exit code is 0 when all went "
        "well, 1 for a problem with data or a model, 2 for a mistake in the call, and 130 after "
        "Ctrl-C.\n"
    )
    return "\n".join(["# Commands\n", root.help or "", "", intro, *described_command(root, "ner")])


def described_command(command: Any, path: str) -> Iterator[str]:
    """Yield the lines of a command and of the commands in it."""
    for name, inner in getattr(command, "commands", {}).items():
        if not getattr(inner, "commands", {}):
            yield from one_command(inner, f"{path} {name}")
        yield from described_command(inner, f"{path} {name}")


def one_command(command: Any, path: str) -> Iterator[str]:
    """Yield the lines of a single command."""
    context = command.context_class(command, info_name=path)
    usage = " ".join([path, *command.collect_usage_pieces(context)])
    yield f"## {path}\n"
    yield f"{inspect.cleandoc(command.help or '')}\n"
    yield f"```text\n{usage}\n```\n"
    for kind, title in (("argument", "Argument"), ("option", "Option")):
        rows = [p for p in command.params if p.param_type_name == kind and p.name != "help"]
        if rows:
            yield f"| {title} | Meaning |"
            yield "|---|---|"
            for name, meaning in (one.get_help_record(context) for one in rows):
                # A range in brackets is no link.
                yield row(f"`{name}`", meaning.replace("[", "&#91;"))
            yield ""


def reference_page(module: ModuleType, title: str) -> str:
    """Name every public object of a module, for mkdocstrings to describe."""
    groups: dict[str, list[str]] = {"Functions": [], "Classes": [], "Errors": [], "Types": []}
    for name in module.__all__:
        thing = getattr(module, name)
        if inspect.ismodule(thing):
            continue
        groups[kind_of(thing)].append(name)
    lines = [f"# {title}\n", summary(module)]
    for heading, names in groups.items():
        if names:
            lines.append(f"## {heading}\n")
            lines += [f"::: {module.__name__}.{name}\n" for name in names]
    return "\n".join(lines)


def kind_of(thing: Any) -> str:
    """Name the group of an object on its page."""
    if inspect.isclass(thing):
        return "Errors" if issubclass(thing, Exception) else "Classes"
    return "Functions" if inspect.isroutine(thing) else "Types"


def summary(module: ModuleType) -> str:
    """Take the first sentence of a module's docstring."""
    return (inspect.getdoc(module) or "").partition("\n")[0] + "\n"
