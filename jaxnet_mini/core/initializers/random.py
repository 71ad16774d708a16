"""Initializers that draw random numbers, each class with the arguments of Keras.

With ``seed`` they draw the same numbers in every layer of one shape; without, from the
key that a network gives each of its layers.
"""

import dataclasses
import math
from collections.abc import Callable
from typing import Annotated, Any, ClassVar

import jax
import jax.numpy as jnp
from jax import Array
from jax.nn import initializers

from jaxnet_mini.base.arguments import check_one_of
from jaxnet_mini.core.draws import rounded, uniform_of
from jaxnet_mini.core.fields import Above0, AsFloat, Checked, Seed, Strength
from jaxnet_mini.core.initializers.base import Drawing, Initializer
from jaxnet_mini.core.random import next_key
from jaxnet_mini.core.types import RandomKey, Shape, is_key
from jaxnet_mini.errors import ArgumentError, ShapeError, short

TRUNCATION = 0.87962566103423978
"""The standard deviation of what is left of a normal distribution of deviation 1 within
two of them."""


class RandomInitializer(Initializer):
    """The base of the initializers that draw random numbers.

    Their last field is ``seed``: a whole number of at least 0, from which the same
    numbers are drawn whatever the key; None to draw them from the key that a network
    gives each of its layers.
    """

    seed: int | None

    _kind = jnp.floating

    def _key(self, key: RandomKey | None) -> RandomKey:
        if key is None:
            key = next_key() if self.seed is None else jax.random.key(0)
        if not (is_key(key) or key.dtype == jnp.uint32):
            raise ArgumentError(
                f"key must be one of jax.random.key, not {short(key)}: write "
                "jax.random.key(0)."
            )
        if self.seed is None:
            return key
        return jax.random.key(self.seed, impl=jax.random.key_impl(key))


@dataclasses.dataclass(frozen=True)
class _Normal(RandomInitializer):
    distribution: ClassVar[Callable[[float], Drawing]]

    mean: AsFloat = 0.0
    stddev: Strength = 0.05
    seed: Seed = None

    def draw(self, key: RandomKey, shape: Shape, dtype: Any) -> Array:
        draw = type(self).distribution(self.stddev)
        return rounded(lambda wide: self.mean + draw(key, shape, wide), dtype)


class RandomNormal(_Normal):
    """Normal numbers.

    Args:
        mean: theirs.
        stddev: their standard deviation, at least 0.
        seed: to draw from, in place of the key; a whole number, or None.

    Raises:
        ArgumentError: one is no finite number, or below 0 where it may not be.

    Source: https://keras.io/api/layers/initializers/

    >>> RandomNormal(mean=3.0, stddev=0.0)(jax.random.key(0), (2,))
    Array([3., 3.], dtype=float32)
    """

    distribution = initializers.normal


class TruncatedNormal(_Normal):
    """Normal numbers within two standard deviations of their mean.

    Args:
        mean: theirs.
        stddev: the standard deviation of the distribution that they are cut from, at
            least 0. Theirs is 0.8796 of it.
        seed: to draw from, in place of the key; a whole number, or None.

    Raises:
        ArgumentError: one is no finite number, or below 0 where it may not be.

    Source: https://keras.io/api/layers/initializers/

    >>> kernel = TruncatedNormal(stddev=0.5)(jax.random.key(0), (100, 100))
    >>> bool((abs(kernel) <= 1.0).all())
    True
    """

    distribution = initializers.truncated_normal


@dataclasses.dataclass(frozen=True)
class RandomUniform(RandomInitializer):
    """Numbers drawn uniformly from ``[minval, maxval)``.

    Args:
        minval: the smallest.
        maxval: what none reaches, at least ``minval``.
        seed: to draw from, in place of the key; a whole number, or None.

    Raises:
        ArgumentError: one is no finite number, or ``minval`` the larger one.

    Source: https://keras.io/api/layers/initializers/

    >>> kernel = RandomUniform(1.0, 2.0)(jax.random.key(0), (100, 100))
    >>> bool(((1.0 <= kernel) & (kernel < 2.0)).all())
    True
    """

    minval: AsFloat = -0.05
    maxval: AsFloat = 0.05
    seed: Seed = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.minval > self.maxval:
            raise ArgumentError(
                f"RandomUniform: minval is {self.minval} and maxval {self.maxval}: "
                "give the smaller one first."
            )

    def draw(self, key: RandomKey, shape: Shape, dtype: Any) -> Array:
        return uniform_of(key, shape, dtype, self.minval, self.maxval)


@dataclasses.dataclass(frozen=True)
class Orthogonal(RandomInitializer):
    """Orthogonal columns of one length, or rows where there are fewer.

    Of more than two axes all but the last count as rows.

    Args:
        gain: the length.
        seed: to draw from, in place of the key; a whole number, or None.

    Raises:
        ArgumentError: ``gain`` is no finite number.
        ShapeError: called for weights of fewer than two axes.

    Source: Saxe et al. 2014, https://arxiv.org/abs/1312.6120

    >>> kernel = Orthogonal(2.0)(jax.random.key(0), (5, 3))
    >>> bool(((kernel**2).sum(axis=0).round(4) == 4.0).all())
    True
    """

    gain: AsFloat = 1.0
    seed: Seed = None

    def draw(self, key: RandomKey, shape: Shape, dtype: Any) -> Array:
        if len(shape) < 2:
            raise ShapeError(
                f"{self!r} makes matrices, and was asked for weights of shape {shape}: "
                "take another initializer for them."
            )
        draw = initializers.orthogonal(self.gain)
        return rounded(lambda wide: draw(key, shape, wide), dtype)


MODES = ("fan_in", "fan_out", "fan_avg")
# Keras's names to JAX's.
DISTRIBUTIONS = {
    "truncated_normal": "truncated_normal",
    "normal": "truncated_normal",
    "untruncated_normal": "normal",
    "uniform": "uniform",
}


class _Scaled(RandomInitializer):
    """Numbers of variance ``scale / fan``, in the words of `VarianceScaling`."""

    scale: float
    mode: str
    distribution: str

    def draw(self, key: RandomKey, shape: Shape, dtype: Any) -> Array:
        return rounded(lambda wide: self._in(wide, key, shape), dtype)

    def _in(self, dtype: Any, key: RandomKey, shape: Shape) -> Array:
        distribution = DISTRIBUTIONS[self.distribution]
        if len(shape) > 1:
            given: Any = self.scale, self.mode, distribution  # JAX's own literal types
            return initializers.variance_scaling(*given)(key, shape, dtype)
        # JAX knows no fans here; in Keras both are the length.
        deviation = math.sqrt(self.scale / max(1, math.prod(shape)))
        if distribution == "uniform":
            most = math.sqrt(3.0) * deviation
            return jax.random.uniform(key, shape, dtype, minval=-most, maxval=most)
        if distribution == "normal":
            return initializers.normal(deviation)(key, shape, dtype)
        return initializers.truncated_normal(deviation / TRUNCATION)(key, shape, dtype)


@dataclasses.dataclass(frozen=True)
class VarianceScaling(_Scaled):
    """Numbers of mean 0 and variance ``scale / fan``.

    Args:
        scale: above 0.
        mode: what ``fan`` is: ``"fan_in"``, the number of inputs, ``"fan_out"``, that
            of outputs, or ``"fan_avg"``, the mean of both.
        distribution: ``"truncated_normal"`` (or ``"normal"``), of numbers within two
            standard deviations, ``"untruncated_normal"`` or ``"uniform"``.
        seed: to draw from, in place of the key; a whole number, or None.

    Raises:
        ArgumentError: one is none of these.

    Source: https://keras.io/api/layers/initializers/

    >>> draw = VarianceScaling(2.0, "fan_out", "uniform")
    >>> kernel = draw(jax.random.key(0), (100, 600))
    >>> bool((abs(kernel) <= 0.1).all())
    True
    """

    scale: Above0 = 1.0
    mode: Annotated[str, Checked(check_one_of, names=MODES)] = "fan_in"
    distribution: Annotated[str, Checked(check_one_of, names=DISTRIBUTIONS)] = (
        "truncated_normal"
    )
    seed: Seed = None


@dataclasses.dataclass(frozen=True)
class _Seeded(_Scaled):
    seed: Seed = None


class GlorotNormal(_Seeded):
    """Truncated normal numbers of variance ``2 / (inputs + outputs)``.

    Args:
        seed: to draw from, in place of the key; a whole number, or None.

    Source: Glorot & Bengio 2010, https://proceedings.mlr.press/v9/glorot10a.html

    >>> GlorotNormal()(jax.random.key(0), (3, 2)).shape
    (3, 2)
    """

    scale, mode, distribution = 1.0, "fan_avg", "truncated_normal"


class GlorotUniform(_Seeded):
    """Uniform in ``[-r, r)`` with ``r = sqrt(6 / (inputs + outputs))``.

    Args:
        seed: to draw from, in place of the key; a whole number, or None.

    Source: Glorot & Bengio 2010, https://proceedings.mlr.press/v9/glorot10a.html

    >>> GlorotUniform(seed=1)(jax.random.key(0), (3, 2)).shape
    (3, 2)
    """

    scale, mode, distribution = 1.0, "fan_avg", "uniform"


class HeNormal(_Seeded):
    """Truncated normal numbers of variance ``2 / inputs``.

    Args:
        seed: to draw from, in place of the key; a whole number, or None.

    Source: He et al. 2015, https://arxiv.org/abs/1502.01852

    >>> HeNormal()(jax.random.key(0), (3, 2)).shape
    (3, 2)
    """

    scale, mode, distribution = 2.0, "fan_in", "truncated_normal"


class HeUniform(_Seeded):
    """Uniform in ``[-r, r)`` with ``r = sqrt(6 / inputs)``.

    Args:
        seed: to draw from, in place of the key; a whole number, or None.

    Source: He et al. 2015, https://arxiv.org/abs/1502.01852

    >>> HeUniform()(jax.random.key(0), (3, 2)).shape
    (3, 2)
    """

    scale, mode, distribution = 2.0, "fan_in", "uniform"


class LecunNormal(_Seeded):
    """Truncated normal numbers of variance ``1 / inputs``.

    Args:
        seed: to draw from, in place of the key; a whole number, or None.

    Source: LeCun et al. 1998, http://yann.lecun.com/exdb/publis/pdf/lecun-98b.pdf

    >>> LecunNormal()(jax.random.key(0), (3, 2)).shape
    (3, 2)
    """

    scale, mode, distribution = 1.0, "fan_in", "truncated_normal"


class LecunUniform(_Seeded):
    """Uniform in ``[-r, r)`` with ``r = sqrt(3 / inputs)``.

    Args:
        seed: to draw from, in place of the key; a whole number, or None.

    Source: LeCun et al. 1998, http://yann.lecun.com/exdb/publis/pdf/lecun-98b.pdf

    >>> LecunUniform()(jax.random.key(0), (3, 2)).shape
    (3, 2)
    """

    scale, mode, distribution = 1.0, "fan_in", "uniform"
