"""What tests of data share: files, texts of any kind, errors as users read them, times."""

import subprocess
import sys
import time

import pytest
from hypothesis import strategies as st

from ner.errors import DataError


def write(path, content, encoding="utf-8"):
    """Write a text, or bytes, to a file exactly as it is, and return the path."""
    path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
    return path


def error_line(call, folder="", error=DataError):
    """Return the message of the error that a call raises: one line, without the folder."""
    with pytest.raises(error) as raised:
        call()
    message = str(raised.value)
    assert "\n" not in message
    return message.removeprefix(f"{folder}/")


def loaded_modules(statements, names):
    """Return those of the modules that a new process has loaded after some statements."""
    program = f"import sys; {statements}; print(*[n for n in {names!r} if n in sys.modules])"
    command = [sys.executable, "-c", program]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


def texts_with(fragments):
    """Draw texts of any characters, in which some fragments are frequent."""
    return st.lists(st.sampled_from(fragments) | st.text(st.characters(), max_size=3)).map("".join)


def seconds(call, text, repeats=3):
    """Return the time that a call with a text takes this process: the shortest of several."""
    times = []
    for _ in range(repeats):
        start = time.process_time()
        call(text)
        times.append(time.process_time() - start)
    return min(times)
