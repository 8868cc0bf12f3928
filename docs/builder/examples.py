"""The examples of docstrings (`>>> …`) as code on the pages, in place of nested quotations."""

import re
from typing import Any

from griffe import Extension, Object

# From a prompt to the first empty line, or to the end.
EXAMPLE = re.compile(r"^>>> .*(?:\n.+)*", re.MULTILINE)


class FencedExamples(Extension):
    """Put a fence around every example before the docstring is read as Markdown."""

    def on_object(self, *, obj: Object, **kwargs: Any) -> None:
        """Change the docstring of an object that was read."""
        if obj.docstring is not None:
            obj.docstring.value = EXAMPLE.sub("```pycon\n\\g<0>\n```", obj.docstring.value)
