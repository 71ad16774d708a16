"""Warnings, at the line of the user's own code that they are about."""

import sys
import warnings
from types import FrameType

_BETWEEN = ("jaxnet_mini", "contextlib", "jaxtyping")
"""What stands between a call by the user and this: methods are wrapped in contexts, and
in checks of annotations where these are switched on."""

_SAID: set[str] = set()
"""What `warn_once` has said."""


def warn(text: str, category: type[Warning] = UserWarning) -> None:
    """Warn at the place of the user's call, however many wrappers lie between.

    Args:
        text: what to say.
        category: the kind of warning.
    """
    frame = _users_frame()
    warnings.warn_explicit(
        text,
        category,
        frame.f_code.co_filename,
        frame.f_lineno,
        frame.f_globals.get("__name__"),
        frame.f_globals.setdefault("__warningregistry__", {}),
    )


def warn_once(text: str) -> None:
    """Warn as `warn` does, and never again in this process with the same words."""
    if text not in _SAID:
        _SAID.add(text)
        warn(text)


def _users_frame() -> FrameType:
    frame = sys._getframe()
    while frame.f_back and (
        frame.f_globals.get("__name__", "").partition(".")[0] in _BETWEEN
        or frame.f_code.co_filename.startswith("<@beartype")
    ):
        frame = frame.f_back
    return frame
