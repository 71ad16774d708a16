"""One call at a time trains a model, whatever threads there are.

A step starts from the state that the one before it left: of two calls that train at
once, each would put back what the other has changed.
"""

import contextlib
import functools
import threading
from collections.abc import Callable, Iterator
from typing import Any, TypeVar, cast

from jaxnet_mini.errors import StateError

Method = TypeVar("Method", bound=Callable[..., Any])


class Turn:
    """Who trains a model, if anyone.

    Attributes:
        making: held for as long as a state is made where there was none, or replaced.
    """

    def __init__(self) -> None:
        self.making = threading.RLock()
        self._training = threading.Lock()
        self._thread: int | None = None

    @property
    def is_taken(self) -> bool:
        """Whether a call trains the model."""
        return self._thread is not None

    @contextlib.contextmanager
    def taken(self, job: str) -> Iterator[None]:
        """Train within this block, and nobody else.

        Raises:
            StateError: another call does, in a callback of which this may be.
        """
        if not self._training.acquire(blocking=False):
            raise StateError(
                f"{job} is called while another call trains the same model, and the "
                "steps of one of them would be lost: wait until that one has returned, "
                "or train a copy, made with jaxnet_mini.models.clone_model."
            )
        try:
            self._thread = threading.get_ident()
            yield
        finally:
            self._thread = None
            self._training.release()

    def check(self, what: str, *, compiled: bool = False) -> None:
        """Raise a StateError where another thread trains.

        Args:
            what: is to be changed.
            compiled: whether programs are compiled for it, so that no callback may
                change it either.
        """
        if self._thread not in (None, threading.get_ident()):
            otherwise = "" if compiled else ", or make it in a callback"
            raise StateError(
                f"{what} cannot be changed while another thread trains the model, and "
                f"the change might be lost: wait until that has returned{otherwise}."
            )

    def __reduce__(self) -> Any:
        """Return what a copy is made of: nobody trains the copy of a model."""
        return Turn, ()


def alone(method: Method) -> Method:
    """Make a method of a model a call that trains, see `Turn.taken`."""

    @functools.wraps(method)
    def called(self: Any, *arguments: Any, **named: Any) -> Any:
        with self._held.turn.taken(method.__name__):
            return method(self, *arguments, **named)

    return cast(Method, called)
