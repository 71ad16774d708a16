#!/usr/bin/env bash
# jax 0.10.2, jax.random.truncated_normal: a tail that begins at 3 holds 3.4e38, the
# largest float32, and one that begins at 6 holds nothing else
#
# Guess: truncated_normal(key, 3.0, inf) draws from the tail beyond 3, with a mean of
#   3.283, as scipy.stats.truncnorm does; bounds far out cost some accuracy.
# Seen: a uniform number between erf of both bounds is sent through the inverse of erf.
#   Near 1, float32 has steps of 6e-8, and what rounds to 1 becomes infinite, which is
#   then cut to the largest number below the upper bound. One draw in ten thousand or so
#   beyond 3 is 3.4e38, and the mean with it; beyond 5 there are ten different numbers,
#   beyond 6 one: 3.4e38 without an upper bound and 8 with (6, 8), where the mean is
#   6.158. The lower tail, (-inf, -5), is the same with another sign. Nothing warns. So
#   it is in 0.12.0.1.
# So: draw far tails in NumPy or SciPy with float64, or by rejection:
#   sqrt(lower ** 2 - 2 * log(u)), kept with a chance of lower over that.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6 scipy==1.17.1
JAX_PLATFORMS=cpu "$folder/venv/bin/python" - <<'PYTHON'
import jax
import numpy as np
from scipy.stats import truncnorm

print("jax", jax.__version__)
largest = np.finfo(np.float32).max
key = jax.random.key(0)


def draw(lower, upper, count=100_000):
    drawn = jax.random.truncated_normal(key, lower, upper, (count,))
    return np.asarray(drawn, np.float64)


for lower, upper in [(2, np.inf), (3, np.inf), (5, np.inf), (6, np.inf), (6, 8)]:
    drawn, true = draw(lower, upper), truncnorm.mean(lower, upper)
    print(f"({lower}, {upper}): mean {drawn.mean():.4g}, true {true:.4f},", end=" ")
    print(f"{len(np.unique(drawn))} different numbers, largest {drawn.max():.4g}")
infinite = (draw(3, np.inf, 1_000_000) > 1e38).mean()
print(f"beyond 3, one draw in {1 / infinite:,.0f} is {largest:.3g}")
assert 1e-6 < infinite < 1e-3, "tails from 3 on are right now"
assert len(np.unique(draw(5, np.inf))) < 20
assert (draw(6, np.inf) == largest).all()
assert np.allclose(draw(6, 8), 8), "tails from 6 on are right now"
assert (draw(-np.inf, -6) == -largest).all()

draws = np.random.default_rng(0)
tail = np.sqrt(36 - 2 * np.log1p(-draws.random(100_000)))
tail = tail[draws.random(tail.size) < 6 / tail]
print(f"by rejection, beyond 6: mean {tail.mean():.4f}")
assert abs(tail.mean() - truncnorm.mean(6, np.inf)) < 0.002
PYTHON
