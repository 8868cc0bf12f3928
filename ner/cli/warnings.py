"""Python's warnings, which Python prints as they are, become records of the log."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ner.messages import logger


@contextmanager
def logged_warnings() -> Iterator[None]:
    """Log warnings while this lasts, so that they are shown as all that is logged."""
    with warnings.catch_warnings():
        warnings.showwarning = _log
        yield


def _log(message: Warning | str, *_: Any, **__: Any) -> None:
    logger.warning("%s", message)
