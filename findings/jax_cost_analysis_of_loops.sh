#!/usr/bin/env bash
# jax 0.10.2: cost_analysis() counts the body of a loop once, however often it runs
#
# Guess: a loop of a fixed number of turns, whose length stands in the compiled program,
#   is counted that many times; the number is used to tell how far a step is from the
#   machine's limit.
# Seen: fori_loop and scan of 10 or 1,000 products of 64 x 64 are said to cost what one
#   product costs, 2 x 64^3 = 524,288 floating point operations. Written out one after
#   another, ten products are counted as ten. A training epoch in one compiled loop looks
#   a thousand times cheaper than it is, and its share of the machine's peak likewise.
# So: take the cost of one step and multiply by hand.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
JAX_PLATFORMS=cpu "$folder/venv/bin/python" - <<'PYTHON'
import jax
import jax.numpy as jnp

print("jax", jax.__version__)


def in_a_loop(turns):
    return lambda x: jax.lax.fori_loop(0, turns, lambda _, y: y @ x, x)


def in_a_scan(turns):
    return lambda x: jax.lax.scan(lambda y, _: (y @ x, None), x, length=turns)[0]


def written_out(turns):
    def products(x):
        y = x
        for _ in range(turns):
            y = y @ x
        return y

    return products


def flops(function):
    compiled = jax.jit(function).lower(jnp.ones((64, 64))).compile()
    return compiled.cost_analysis()["flops"]


one = 2 * 64**3
for make in (in_a_loop, in_a_scan, written_out):
    counted = {turns: flops(make(turns)) / one for turns in (1, 10)}
    print(f"{make.__name__}: products counted, by turns: {counted}")
thousand = flops(in_a_loop(1000)) / one
print("in_a_loop, 1000 turns:", thousand)
assert thousand < 2 and flops(in_a_scan(10)) < 2 * one, "turns are counted now"
assert 9 * one < flops(written_out(10)) < 11 * one
PYTHON
