"""What another thread makes while one waits for it."""

import contextlib
import queue
import threading
from collections.abc import Callable, Generator, Iterator
from typing import Any, TypeVar

from jaxnet_mini.base import interrupts

IN_FLIGHT = 1
"""How many items lie ready, at most, besides the one that is worked on and the one that
is being made."""

LOOK_SECONDS = 0.1
"""How often the host looks for Ctrl-C while it waits for an item."""

T = TypeVar("T")


def ahead(
    items_until: Callable[[threading.Event], Iterator[T]],
) -> Generator[T, None, None]:
    """Yield what an iterator gives, made by another thread while one waits for it.

    Args:
        items_until: returns the iterator. It is given what is set once nobody waits any
            more, on Ctrl-C say: an item that takes long is then to be left unfinished.
    """
    made: queue.Queue[tuple[bool, Any]] = queue.Queue(IN_FLIGHT)
    ended = threading.Event()

    def put(item: tuple[bool, Any]) -> None:
        while not ended.is_set():
            with contextlib.suppress(queue.Full):
                made.put(item, timeout=LOOK_SECONDS)
                return

    def make() -> None:
        try:
            for item in items_until(ended):
                put((True, item))
                if ended.is_set():
                    return
            put((False, None))
        except BaseException as error:
            put((False, error))

    thread = threading.Thread(target=make, daemon=True)
    thread.start()
    try:
        while True:
            interrupts.let_in()
            try:
                more, item = made.get(timeout=LOOK_SECONDS)
            except queue.Empty:
                continue
            if more:
                yield item
            elif item is None:
                return
            else:
                try:
                    raise item
                finally:
                    del item  # else each would keep the other, with all arrays here
    finally:
        ended.set()
        thread.join()
