"""Which of two devices computes the same sooner: both do, in turns."""

import time
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from jaxnet_mini.devices import transfers

SECONDS = 4e-3
"""How long a run takes, about: long beside waking a thread, which takes 0.1 ms."""

TURNS = 8

MUCH = 0.9
"""All cores are taken where they need less than this share of the time of one, which
in a trial looks slower by a twentieth than it is in an epoch. What one thread computes
takes as long whatever the cores are, and leaves the others to whom they may serve."""


def steps_of(seconds: float, most: int) -> int:
    """Return how many steps a run has, each of so many seconds, about."""
    return max(1, min(most, int(SECONDS / seconds)))


def one_is_faster(one: Callable[[], Any], pool: Callable[[], Any]) -> bool:
    """Tell whether one thread computes as soon as a pool, or nearly so.

    Args:
        one: computes with one thread, and returns arrays.
        pool: computes the same with all of them.
    """
    with transfers.meant():
        jax.block_until_ready((one(), pool()))  # which makes them ready to run
        times = [(_seconds(one), _seconds(pool)) for _ in range(TURNS)]
    of_one, of_pool = np.median(times, 0)
    return bool(of_pool > MUCH * of_one)


def _seconds(compute: Callable[[], Any]) -> float:
    start = time.perf_counter()
    jax.block_until_ready(compute())
    return time.perf_counter() - start
