"""`ner doctor`."""

from collections.abc import Iterator
from typing import Any

import typer

from ner.cli.options import Json
from ner.cli.printing import print_json, print_lines
from ner.extras import DISTRIBUTION


def doctor(as_json: Json = False) -> None:
    """Check the installation: versions, kernel, threads, GPU, and what is missing for what.

    The exit code is 1 if a package that everything needs is missing, or has a version that does
    not fit.
    """
    from ner.cli.installation import examine

    facts = examine()
    if as_json:
        print_json(facts)
    else:
        print_lines(_described(facts))
    if facts["missing"]:
        raise typer.Exit(1)


def _described(facts: dict[str, Any]) -> Iterator[str]:
    """Yield the lines that people read."""
    yield f"ner {facts['ner']}, Python {facts['python']}, {facts['platform']}"
    yield f"Folder: {facts['folder']}"
    yield (
        "Kernel: compiled"
        if facts["kernel"]
        else "Kernel: not compiled, so decoding a sentence takes twice as long; install a wheel "
        "for this system, or install with a C compiler"
    )
    threads = facts["threads"]
    limits = "".join(f"; {name} is {value}" for name, value in threads["limits"].items())
    yield f"Threads: {threads['usable']} of {threads['cores']} cores may be used{limits}"
    gpu = facts["gpu"]
    yield f"GPU: {', '.join(gpu['devices']) or 'none; ' + gpu['reason']}"
    models = [f"{model['name']} ({model['task']})" for model in facts["models"]]
    yield f"Models: {', '.join(models) or 'none'}"
    yield "Packages: " + ", ".join(f"{name} {own}" for name, own in facts["packages"].items())
    if facts["missing"]:
        yield f"Needed, but not installed so: {', '.join(facts['missing'])}; see pip check"
    yield "Extras:"
    width = max(map(len, facts["extras"]))
    for name, extra in facts["extras"].items():
        lacks = ", ".join(extra["missing"])
        state = f"lacks {lacks}; pip install '{DISTRIBUTION}[{name}]'" if lacks else "installed"
        yield f"  {name:{width}}  {state}; to {extra['for']}"
