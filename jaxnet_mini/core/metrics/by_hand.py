"""Metrics used by hand: sums that a metric keeps between calls of ``update_state``.

A metric is a frozen value, and nothing else here changes one. What it has counted by
hand stands beside what it is: it is compared, copied, written and compiled without.
"""

import functools
import inspect
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

SO_FAR = "_so_far"
"""Where the sums are kept."""


class ByHand:
    """What lets a metric be used by hand, as in Keras; ``totals`` makes the sums."""

    zeros: Callable[[], Any]
    totals: Callable[..., Any]

    def __init_subclass__(cls, **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        own = vars(cls).get("result")
        if inspect.isfunction(own) and len(inspect.signature(own).parameters) == 2:
            setattr(cls, "result", _of_what_was_counted(own))  # noqa: B010

    @functools.cached_property
    def _so_far(self) -> Any:  # which what compares and copies values passes over
        return self.zeros()

    def update_state(self, *batch: Any, **named: Any) -> None:
        """Count one more batch, for `result`.

        Args:
            batch: what the metric takes when it is called.
            named: likewise, such as ``sample_weight``.
        """
        new = self._counted(*batch, **named)
        vars(self)[SO_FAR] = jax.tree.map(jnp.add, self._so_far, new)

    def reset_state(self) -> None:
        """Forget what was counted by `update_state`."""
        vars(self).pop(SO_FAR, None)

    def _counted(self, *batch: Any, **named: Any) -> Any:
        """Return the sums of a batch that is given by hand."""
        return self.totals(*batch, **named)


def _of_what_was_counted(result: Callable[..., Any]) -> Callable[..., Any]:
    """Return a method ``result`` that may be called without sums."""

    @functools.wraps(result)
    def called(self: Any, totals: Any = None) -> Any:
        if totals is None:
            return jnp.asarray(result(self, self._so_far))
        return result(self, totals)

    return called
