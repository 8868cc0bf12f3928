"""Worker processes, as the process that started them sees them."""

import multiprocessing
import signal
from collections.abc import Callable
from typing import Any

# Seconds that a process has to end after a signal, before it is killed.
PATIENCE = 10


class Child:
    """A process with a connection to it. It ends with the process that started it.

    Args:
        target: What it runs, with `arguments` and its end of the connection.
        arguments: What goes to it; they are pickled.
    """

    def __init__(self, target: Callable[..., None], *arguments: Any) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, other = context.Pipe()
        self.process = context.Process(target=target, args=(*arguments, other), daemon=True)
        self.process.start()
        other.close()  # so that the end of the process is the end of the connection

    def ending(self) -> str:
        """Say how the process ended."""
        self.process.join(PATIENCE)
        code = self.process.exitcode
        if code is None or code >= 0:
            return f"exit code {code}"
        try:
            return f"signal {signal.Signals(-code).name}"
        except ValueError:
            return f"signal {-code}"

    def stop(self, patience: float = PATIENCE) -> None:
        """End the process, and wait for it.

        Args:
            patience: Seconds that it has to end by itself after a signal.
        """
        self.connection.close()
        self.process.terminate()
        self.process.join(patience)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
