#!/usr/bin/env bash
# chex 0.1.92: NaN is positive, negative and not negative
#
# Guess: assert_scalar_positive(float(loss)) fails where the loss is not a positive number, NaN
#   among them: nothing compares as true with NaN, so that "x > 0" is false.
# Seen: it passes, since what is asked is whether "x <= 0" is true. Of the four checks of
#   a scalar's sign and range only assert_scalar_in refuses NaN. A training loop that is
#   guarded by assert_scalar_non_negative(float(loss)) goes on once it has diverged, and so does
#   a test of it. The same for a learning rate, a temperature or a variance that a
#   schedule has made NaN. Comparing trees passes as well where both hold NaN, as in NumPy.
# So: add chex.assert_tree_all_finite(loss), or chex.assert_scalar_in(loss, 0.0, inf).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  chex==0.1.92 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
JAX_PLATFORMS=cpu "$folder/venv/bin/python" - <<'PYTHON'
import math

import chex

print("chex", chex.__version__)


def passes(check, *arguments):
    try:
        check(*arguments)
    except AssertionError:
        return False
    return True


signs = [chex.assert_scalar_positive, chex.assert_scalar_negative, chex.assert_scalar_non_negative]
for check in signs:
    found = {x: passes(check, x) for x in (-1.0, 1.0, math.nan)}
    print(f"{check.__name__:30}", found)
    assert found[-1.0] != found[1.0]
    assert all(ok for x, ok in found.items() if math.isnan(x)), "NaN is refused now"
within = passes(chex.assert_scalar_in, math.nan, 0.0, math.inf)
finite = passes(chex.assert_tree_all_finite, math.nan)
print("assert_scalar_in:", within, "assert_tree_all_finite:", finite)
assert not within and not finite
assert passes(chex.assert_scalar_in, 3.0, 0.0, math.inf)
PYTHON
