"""What tests of several cores need."""

import jax
import pytest

from jaxnet_mini.devices import pools

several_cores = pytest.mark.skipif(
    jax.default_backend() != "cpu" or jax.device_count() > 1 or pools.number() == 1,
    reason="there is no choice of threads here",
)
"""Marks what chooses between one thread of a CPU and its pool."""
