"""The exceptions for all mistakes that a user can make.

    NerError
    ├── ConfigError        a setting is unknown, out of range, or in conflict with another one
    ├── DataError          a corpus, a file of vectors or a text cannot be used
    ├── ModelFolderError   a model or a checkpoint on the disk cannot be read
    ├── TaskError          a method does not fit the task of the model
    ├── TrainingError      a training run cannot continue
    ├── InUseError         another process writes the same folder or file
    └── MissingExtraError  an optional package is not installed

A message is one line: ``<where>: <what must hold>. Got <value>.``
"""

from collections.abc import Iterable


class NerError(Exception):
    """A mistake that the user can correct. The command line prints it without a traceback."""


class ConfigError(NerError):
    """A setting is unknown, out of range, or in conflict with another one."""


class DataError(NerError):
    """A corpus, a file of vectors or a text cannot be read, or cannot be used for its purpose."""


class ModelFolderError(NerError):
    """A model or a checkpoint on the disk is missing, damaged, or from a newer version."""


class TaskError(NerError, TypeError):
    """A method was called that does not fit the task of a model, like `classify` of a tagger."""


class TrainingError(NerError):
    """A training run cannot go on: its loss is not finite, or its folder holds something else."""


class InUseError(NerError):
    """Another process writes the same folder or file at this moment."""


class MissingExtraError(NerError):
    """A feature needs a package that the base installation does not include."""


def suggestion(given: object, known: Iterable[str]) -> str:
    """Return the end of a message that names the closest known word; "" if none is close.

    >>> suggestion("colums", ["columns", "tags"])
    " Did you mean 'columns'?"
    """
    import difflib

    close = difflib.get_close_matches(str(given), list(known), 1)
    return f" Did you mean {close[0]!r}?" if close else ""


def reason(error: Exception) -> str:
    """Return the first line of another library's exception, or its type, without a period."""
    return str(error).strip().partition("\n")[0].rstrip(".") or type(error).__name__
