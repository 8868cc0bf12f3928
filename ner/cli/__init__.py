"""The command line: parsing and printing only."""

import os
import sys


def main() -> None:
    """Run the command line; a user's mistake is one line on stderr, a bug keeps its traceback."""
    import typer

    from ner.cli.app import app
    from ner.errors import ConfigError, NerError

    # typer brings a click of its own, whose base classes it does not name.
    usage_error = typer.BadParameter.__bases__[0]
    click_error = usage_error.__bases__[0]
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="replace")
    try:
        code = app(standalone_mode=False)
    except click_error as error:
        code = error.exit_code
        context = getattr(error, "ctx", None)
        where = context.command_path if context else "ner"
        _complain(f"{where}: {error.format_message()}")
    except NerError as error:
        code = 2 if isinstance(error, ConfigError) else 1
        _complain(str(error))
    except (KeyboardInterrupt, typer.Abort):
        code = 130
    except BrokenPipeError:
        # Whoever read our output has seen enough. Python would complain again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    sys.exit(code if isinstance(code, int) else 0)


def _complain(message: str) -> None:
    sys.stderr.write(message + "\n")
