"""The command line: parsing and printing only."""

import gc
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from ner.cli.standard_streams import complete_streams, discard
from ner.cli.warnings import logged_warnings
from ner.messages import logger, shown

# By this variable, a shell asks for the ends of a command that somebody types.
COMPLETION = "_NER_COMPLETE"

# New objects after which Python looks for garbage, 700 by default. Most of those that a command
# makes at its start stay, and looking through them all the time takes a twentieth of a short one.
OBJECTS = 10_000


@contextmanager
def _few_collections() -> Iterator[None]:
    before = gc.get_threshold()
    gc.set_threshold(OBJECTS, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


@shown(on_stderr=True)
@logged_warnings()
@_few_collections()
def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; a user's mistake is one line on stderr, a bug keeps its traceback.

    Args:
        arguments: What follows `ner`; by default those of the process.
    """
    complete_streams()
    import typer

    from ner.cli.app import app
    from ner.errors import ConfigError, NerError
    from ner.training.launch import hush, read_launch

    # typer brings a click of its own, whose base classes it does not name: ClickException is the
    # one before Exception.
    click_error: Any = typer.BadParameter.__mro__[2]
    code = 0
    _end_on_signals()
    try:
        launch = read_launch()
        if launch.is_torchrun:
            hush(launch)
        if os.environ.get(COMPLETION):
            app(prog_name="ner")  # answers the shell, and exits
        # Not app(): that would turn a closed pipe into a failure.
        command = typer.main.get_command(app)
        given = sys.argv[1:] if arguments is None else arguments
        with command.make_context("ner", list(given)) as context:
            command.invoke(context)
        sys.stdout.flush()
    except typer.Exit as exit_:
        code = exit_.exit_code
    except click_error as error:
        code = error.exit_code
        context = getattr(error, "ctx", None)
        if message := error.format_message().replace("Value error, ", ""):
            command_path = context.command_path if context else "ner"
            logger.error("%s: %s", command_path, message)
    except NerError as error:
        code = 2 if isinstance(error, ConfigError) else 1
        logger.error("%s", error)
        logger.debug("This is where the error was raised.", exc_info=True)
    except (KeyboardInterrupt, typer.Abort):
        code = 130
    except BrokenPipeError:
        discard(sys.stdout)  # whoever reads our output has seen enough
    except OSError as error:
        if error.errno is None:
            raise
        # A full disk, a folder that may not be written: no bug, and nothing that we could mend.
        code = 1
        reason = (error.strerror or str(error)).lower()
        logger.error("%s: %s.", error.filename or "output", reason)
        if error.filename is None:
            discard(sys.stdout)
    try:
        sys.stdout.flush()
    except OSError:
        discard(sys.stdout)
    sys.exit(code)


def _end_on_signals() -> None:
    """Let SIGTERM and SIGHUP end the process as an error does, so that no half file is left."""
    if threading.current_thread() is not threading.main_thread():
        return
    for name in ("SIGHUP", "SIGTERM"):
        number = getattr(signal, name, None)  # Windows has no SIGHUP
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, lambda number, _: sys.exit(128 + number))
