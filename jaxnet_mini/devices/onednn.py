"""Products of large steps on a CPU by oneDNN, which JAX has and leaves aside.

XLA computes a product by Eigen, or by YNNPACK where that knows its layout, which is not
so for the gradient of a kernel. Its compiler can hand all of them to oneDNN on an x86
processor, if it is told to, and does so well since JAX 0.11: with 0.10 a batch of
products of vectors ended the process. Steps of more than 512 rows take a fifth
to a third less so, on two threads, and the bits of fewer gradients depend on how many
threads there are. Steps of 32 rows are no faster, and have the same bits.

A program with such products cannot be serialized as of JAX 0.12: neither lent (see
`jaxnet_mini.devices.lending`) nor kept on disk. Only what never lies on a device of its
own has them therefore, and every process compiles it anew.

Source: ``IsOneDnnDotSupported`` of XLA's ``onednn_support.cc``
"""

import contextlib
import functools
import math
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import jax

from jaxnet_mini.devices.products import MOST_ROWS

OPTIONS = {
    "xla_cpu_use_onednn": True,
    "xla_cpu_experimental_onednn_fusion_type": "LIBRARY_FUSION_TYPE_INDIVIDUAL_DOT",
}
"""For the compiler: each product for itself. What follows it, the compiler joins."""

_SINCE = 0, 11


def options(rows: int) -> Mapping[str, Any]:
    """Return the options of the compiler for products of so many rows.

    They go by the rows alone, and not by what would be fastest now: the bits do too.
    """
    return OPTIONS if rows > MOST_ROWS and _is_there() else {}


@functools.cache
def _is_there() -> bool:
    """Return whether the compiler of this JAX has oneDNN for this machine."""
    if jax.__version_info__ < _SINCE:
        return False
    one = jax.ShapeDtypeStruct((8, 8), "float32")
    product = jax.jit(lambda x, y: x @ y, compiler_options=OPTIONS)
    try:
        with not_written():
            return "onednn" in str(product.lower(one, one).compile().as_text())
    except jax.errors.JaxRuntimeError:
        return False


@contextlib.contextmanager
def not_written() -> Iterator[None]:
    """Have JAX not write what it compiles in this thread to its cache on disk.

    It could not, and would warn of each program, or raise an error.
    """
    # There is no public way to say so of one thread; another may compile what is kept.
    config = sys.modules.get("jax._src.config")
    least = getattr(config, "persistent_cache_min_compile_time_secs", None)
    with contextlib.nullcontext() if least is None else least(math.inf):
        yield
