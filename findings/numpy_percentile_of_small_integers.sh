#!/usr/bin/env bash
# numpy 2.4.6, np.percentile: the middle of two small integers can be larger than both
#
# Guess: percentiles of integers are computed in float64, as means and medians are; the
#   result lies between the smallest and the largest number, whatever the dtype.
# Seen: the step between two neighbours is taken in the dtype of the array. Where it is
#   more than half of its range, it wraps around: the median of -102 and 101 in int8 is
#   127.5 by np.percentile, and -0.5 by np.median; at 25 it is -115, less than both. Of a
#   column of 100 quantized activations near -120 and 110 the 45th percentile is 121.7.
#   int16, as sound is kept in, int32 and int64 do likewise, and so do np.quantile,
#   np.nanpercentile and their other methods that interpolate. Percentiles along an axis,
#   or several at once, give no warning; a single one may warn of an overflow. So it is in
#   2.5.5. jnp.percentile is right.
# So: np.percentile(x.astype(np.float64), ...) for signed integers.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import warnings

import numpy as np

print("numpy", np.__version__)
warnings.simplefilter("error")
for dtype in ("int8", "int16", "int32", "int64"):
    ends = np.iinfo(dtype)
    pair = np.array([int(ends.min * 0.8), int(ends.max * 0.8)], dtype)
    found = np.percentile(pair, [25, 50])
    print(f"{dtype}: of {pair} a quarter is {found[0]:.6g}, half is {found[1]:.6g};", end=" ")
    print(f"np.median {np.median(pair):.6g}")
    assert found[0] < pair[0] and found[1] > pair[1], "percentiles are right now"
    assert abs(np.median(pair)) <= 1
    assert np.allclose(np.percentile(pair.astype(float), 50), np.median(pair))

sound = np.array([[-20_000, 100], [20_000, 300]], np.int16)
along, middle = np.percentile(sound, 50, axis=0), np.median(sound, axis=0)
print("two recordings, percentile 50 along an axis:", along, "np.median:", middle)
assert along[0] > 20_000 and along[1] == middle[1] == 200 and middle[0] == 0
with warnings.catch_warnings(action="ignore"):
    assert (np.nanquantile(sound, 0.5, axis=0) == along).all()
assert (np.quantile(sound, 0.5, axis=0, method="midpoint") == along).all()

draw = np.random.default_rng(0)
activations = np.where(np.arange(100) < 45, -120, 110).astype(np.int8)
found = np.percentile(activations, [40, 45, 50])
true = np.percentile(activations.astype(float), [40, 45, 50])
print("activations, percentiles 40, 45, 50:", found, "true:", true)
assert found[1] > 110 and true[1] < 110
PYTHON
