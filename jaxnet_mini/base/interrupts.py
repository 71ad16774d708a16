"""Ctrl-C, let in where nothing is half done.

Python raises KeyboardInterrupt wherever it stands. Within JAX that may come out as
another error, or, in a callback of the garbage collector, not at all.
"""

import contextlib
import signal
import threading
from collections.abc import Iterator
from typing import Any

_pending = False


@contextlib.contextmanager
def held_back() -> Iterator[None]:
    """Hold the first Ctrl-C back until `let_in` or the end; the second acts at once.

    A program's own handler stays in charge, and so does an outer call of this.
    """
    global _pending
    own = signal.getsignal(signal.SIGINT) is not signal.default_int_handler
    if own or threading.current_thread() is not threading.main_thread():
        yield
        return
    _pending = False
    signal.signal(signal.SIGINT, _hold)
    try:
        yield
        let_in()
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def let_in() -> None:
    """Raise the KeyboardInterrupt that was held back, if any."""
    global _pending
    if _pending and threading.current_thread() is threading.main_thread():
        _pending = False
        raise KeyboardInterrupt


def _hold(number: int, frame: Any) -> None:
    global _pending
    if _pending:
        signal.default_int_handler(number, frame)
    _pending = True
