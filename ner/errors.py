"""Everything that a user can get wrong, as a tree of exceptions.

    NerError
    ├── ConfigError        a setting: unknown, out of range, or at odds with another
    ├── DataError          a corpus, a vector file, an input text
    ├── ModelFolderError   a model or checkpoint on disk
    ├── TaskError          a method that the model's task has no use for
    ├── TrainingError      a run that cannot go on
    └── MissingExtraError  an optional dependency that is not installed

A message is one line: ``<where>: <what must hold>. Got <value>.``
"""

from collections.abc import Iterable


class NerError(Exception):
    """A mistake that the user can mend; the command line prints it without a traceback."""


class ConfigError(NerError):
    """A setting is unknown, out of range, or at odds with another one."""


class DataError(NerError):
    """A corpus, a vector file or an input text cannot be read as what it should be."""


class ModelFolderError(NerError):
    """A model or a checkpoint on disk is missing, damaged, or from a newer version."""


class TaskError(NerError, TypeError):
    """A method was called that the model's task has no use for, such as `classify` of a tagger."""


class TrainingError(NerError):
    """A training run cannot go on: its loss is not a number, its folder is in use."""


class MissingExtraError(NerError):
    """A feature needs a package that the base installation leaves out."""


def suggestion(given: object, known: Iterable[str]) -> str:
    """Return the end of a message that names the closest known word; "" if none is close.

    >>> suggestion("colums", ["columns", "tags"])
    " Did you mean 'columns'?"
    """
    import difflib

    close = difflib.get_close_matches(str(given), list(known), 1)
    return f" Did you mean {close[0]!r}?" if close else ""
