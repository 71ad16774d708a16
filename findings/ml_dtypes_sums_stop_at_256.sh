#!/usr/bin/env bash
# ml_dtypes 0.6.0 with NumPy 2.4.6: the mean of a thousand ones in bfloat16 is 0.256
#
# Guess: np.mean of what a bfloat16 model gives, np.asarray(predictions).mean(), is right
#   to bfloat16's half percent: NumPy's documentation says that means of float16 are
#   taken in float32, and jnp.mean does so with both.
# Seen: sums are carried in bfloat16, one number after the other, and 256 + 1 is 256
#   there. From 256 ones on the sum stands still, and the mean falls with the length: of
#   1,000 rows 0.256, of 100,000 rows 0.0026. An accuracy, a mean loss, np.var, np.std,
#   np.average, cumsum and sums along an axis go the same way, float8_e4m3fn at 16. A
#   product with ones, array @ ones, is right. A loss that is averaged so gets better by
#   taking more rows.
# So: array.astype(np.float32) first, or np.mean(array, dtype=np.float32).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  ml_dtypes==0.6.0 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import ml_dtypes
import numpy as np

print("ml_dtypes", ml_dtypes.__version__, "numpy", np.__version__)
bfloat16 = ml_dtypes.bfloat16
for rows in (256, 1_000, 100_000):
    ones = np.ones(rows, bfloat16)
    means = float(ones.mean()), float(np.ones(rows, "float16").mean())
    named = float(np.mean(ones, dtype=np.float32))
    print(f"{rows} ones: mean {means[0]:.4f}, of float16 {means[1]}, with dtype {named}")
    assert means[1] == named == 1.0
    assert abs(means[0] - 256 / rows) < 0.01 * 256 / rows, "sums are wider now"
assert float(np.ones(1000, bfloat16) @ np.ones(1000, bfloat16)) == 1000.0

draw = np.random.default_rng(0)
errors = draw.uniform(0.5, 1.5, (20_000, 4)).astype(bfloat16)
true = errors.astype(np.float64)
print("mean error by column:", true.mean(0).round(3), "in bfloat16:", errors.mean(0))
print(f"standard deviation {true.std():.3f}, in bfloat16 {float(errors.std()):.3f}")
assert (errors.mean(0).astype("float32") < 0.05 * true.mean(0)).all()
quarter = errors[:5_000].mean(0).astype("float32")
assert (quarter > 3 * errors.mean(0).astype("float32")).all()  # more rows, less error
eighths = np.ones(1000, ml_dtypes.float8_e4m3fn)
print("sum of a thousand ones in float8_e4m3fn:", eighths.sum())
assert float(eighths.sum()) == 16.0
PYTHON
