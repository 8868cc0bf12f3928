"""Count the files and functions of the package that a command enters.

python scripts/trace_calls.py tag "Ada Lovelace met Charles Babbage." --model runs/sample/model
python scripts/trace_calls.py eval runs/sample/model sample:test

Calls during imports do not count, nor do comprehensions and lambdas.
"""

import argparse
import sys
import threading
from pathlib import Path
from types import CodeType, FrameType

import ner
from ner.cli import main

PACKAGE = str(Path(ner.__file__).parent)


class Tracer:
    """Remembers each function of the package that is called, except during an import."""

    def __init__(self) -> None:
        self.entered: dict[CodeType, None] = {}

    def __call__(self, frame: FrameType, event: str, _: object) -> None:
        """Handle an event of the interpreter."""
        code = frame.f_code
        if event != "call" or code in self.entered or not code.co_filename.startswith(PACKAGE):
            return
        if not code.co_name.startswith("<") and not _imports(frame):
            self.entered[code] = None


def _imports(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_name == "<module>" and frame.f_code.co_filename.startswith(PACKAGE):
            return True
        frame = frame.f_back
    return False


def run(arguments: list[str]) -> int:
    """Run a command, print the functions that it enters, and return its exit code."""
    tracer = Tracer()
    threading.setprofile(tracer)
    sys.setprofile(tracer)
    code = 0
    try:
        main(arguments)
    except SystemExit as exit_:
        code = int(exit_.code or 0)
    finally:
        sys.setprofile(None)
        threading.setprofile(None)  # pyright: ignore[reportArgumentType]
    files: dict[str, list[str]] = {}
    for entered in tracer.entered:
        name = str(Path(entered.co_filename).relative_to(PACKAGE))
        files.setdefault(name, []).append(entered.co_qualname)
    for name, functions in files.items():
        print(f"{name}: {' '.join(functions)}", file=sys.stderr)
    print(f"{len(files)} files, {len(tracer.entered)} functions", file=sys.stderr)
    return code


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("command", help="command of `ner`, such as tag")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="its arguments")
    given = parser.parse_args()
    sys.exit(run([given.command, *given.arguments]))
