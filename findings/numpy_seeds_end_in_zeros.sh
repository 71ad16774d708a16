#!/usr/bin/env bash
# numpy 2.4.6, default_rng: the seeds 7, [7], [7, 0] and [7, 0, 0] are one seed
#
# Guess: a list of numbers is the tidy way to a generator for each worker, fold or layer:
#   default_rng([seed, worker]) differs for each, and from default_rng(seed).
# Seen: a seed is filled up with zeros to four words of 32 bits, so that worker 0 draws
#   just what the main program draws from default_rng(seed). Inputs and the noise that is
#   put on them are then one and the same numbers, for one worker of all. Numbers from
#   2^32 on are taken apart into words: 7 + 3 * 2^32 is [7, 3]. From five words on zeros
#   count. jax.random.fold_in(key, 0) is another key, as one would think.
# So: SeedSequence(seed, spawn_key=(worker,)), which keeps them apart, or count from 1.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import numpy as np

print("numpy", np.__version__)


def drawn(seed, count=1000):
    return np.random.default_rng(seed).standard_normal(count)


for seed in ([7], [7, 0], [7, 0, 0], [7, 0, 0, 0], [7, 1], [7, 0, 0, 0, 0]):
    same = np.array_equal(drawn(seed), drawn(7))
    print(f"{seed}: {'the same numbers as 7' if same else 'other numbers than 7'}")
    assert same == (seed[1:] in ([], [0], [0, 0], [0, 0, 0])), "zeros count now"
assert np.array_equal(drawn(7 + 3 * 2**32), drawn([7, 3]))

x = drawn(7)
for worker in range(3):
    noise = drawn([7, worker])
    shared = np.corrcoef(x, noise)[0, 1]
    print(f"inputs of seed 7 and noise of [7, {worker}]: correlation {shared:.2f}")
    assert (shared > 0.99) == (worker == 0)
spawned = drawn(np.random.SeedSequence(7, spawn_key=(0,)))
print(f"and noise of spawn_key=(0,): {np.corrcoef(x, spawned)[0, 1]:.2f}")
assert abs(np.corrcoef(x, spawned)[0, 1]) < 0.1
PYTHON
