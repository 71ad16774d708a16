"""Summary against Keras's own."""

import math

import pytest
from conftest import keras_on_jax

from jaxnet_mini.base.text import readable_size


@pytest.mark.parametrize("power", range(5))
@pytest.mark.parametrize("factor", [1, 1.5, 999, 1023, 1023.996])
def test_sizes_are_written_as_keras_writes_them(factor, power):
    number = math.ceil(factor * 1024**power)
    with keras_on_jax():
        from keras.src.utils.summary_utils import readable_memory_size

        assert readable_size(number) == readable_memory_size(number)
