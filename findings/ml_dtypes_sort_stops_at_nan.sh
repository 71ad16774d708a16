#!/usr/bin/env bash
# ml_dtypes 0.6.0 with NumPy 2.4.6: np.sort of bfloat16 with a NaN is not sorted, the
# median is a number out of that order, and nanmean is NaN
#
# Guess: what NumPy does with NaN in float16 and float32 it does in bfloat16: sort puts it
#   at the end, median gives NaN, nanmean and nansum pass over it.
# Seen: sort compares by "less" alone, to which NaN is neither, and every NaN parts the
#   array into pieces that are sorted by themselves or not at all; argsort and unique
#   likewise. median looks for NaN in the last place, does not find it and returns what
#   lies in the middle: of 3, NaN, 1, 2, -5, NaN, 7 it is 1. nanmean, nansum, nanstd and
#   nan_to_num take bfloat16 for a dtype without NaN and leave it in. float8 does all
#   of it too. Whoever ranks losses of diverged runs, or takes the top scores by argsort,
#   gets wrong ones without a warning. jax.numpy is right on the same arrays.
# So: cast with .astype(np.float32) before anything that orders.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  ml_dtypes==0.6.0 numpy==2.4.6
"$folder/venv/bin/python" -W ignore::RuntimeWarning - <<'PYTHON'
import ml_dtypes
import numpy as np

print("ml_dtypes", ml_dtypes.__version__, "numpy", np.__version__)
scores = np.array([3, np.nan, 1, 2, -5, np.nan, 7], "float32")
for dtype in (np.float32, np.float16, ml_dtypes.bfloat16, ml_dtypes.float8_e4m3fn):
    array = scores.astype(dtype)
    ordered = np.sort(array).astype("float32").tolist()
    middle, mean = float(np.median(array)), float(np.nanmean(array))
    filled = np.isnan(np.nan_to_num(array)).sum()
    lowest = float(array[np.argsort(array)[0]])
    print(f"{array.dtype.name}: sorted {ordered}, median {middle}, nanmean {mean:.3f}")
    if dtype in (np.float32, np.float16):
        assert ordered[:5] == [-5, 1, 2, 3, 7] and np.isnan(middle) and lowest == -5
        assert abs(mean - 1.6) < 1e-2 and filled == 0
    else:
        assert ordered[0] == 3 == lowest and middle == 1, "NaN is put at the end now"
        assert np.isnan(mean) and filled == 2, "NaN is passed over now"

# Twelve runs whose losses fell, of which two diverged: the three best by argsort.
losses = np.linspace(2.4, 0.2, 12)
losses[[3, 8]] = np.nan
best = np.argsort(losses.astype(ml_dtypes.bfloat16))[:3]
true = np.argsort(losses)[:3]
print("best three of twelve runs:", np.round(losses[best], 1), "in truth", losses[true])
assert losses[best].min() > losses[true].max()
PYTHON
