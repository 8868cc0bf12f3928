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
