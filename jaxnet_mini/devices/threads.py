"""How many threads share the arithmetic of a CPU.

The gradient of a kernel is a sum over the batch, and XLA cuts a large one by the number
of threads: the last bits of large steps depend on it, and not on the number of cores.

Source: ``DefaultThreadPoolSize`` of XLA's ``pjrt/cpu/cpu_client.cc``
"""

import os
import re

import jax


def number() -> int | None:
    """Return how many threads JAX computes with on a CPU; None on another device.

    The environment variable ``NPROC`` tells, else the CPUs that this process may run
    on; there is at least one for each device.
    """
    if jax.default_backend() != "cpu":
        return None
    told = os.environ.get("NPROC", "")
    if re.fullmatch(r"\s*[+-]?\d+\s*", told):
        wanted = int(told)
    elif hasattr(os, "sched_getaffinity"):
        wanted = len(os.sched_getaffinity(0))
    else:
        wanted = os.cpu_count() or 1
    return max(wanted, jax.local_device_count())
