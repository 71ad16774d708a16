#!/usr/bin/env bash
# optax 0.2.8, warmup_constant_schedule: a warmup of no steps is a learning rate of 0 for
# ever
#
# Guess: warmup_steps=0 switches the warmup off, as it does in warmup_cosine_decay_schedule
#   and in warmup_exponential_decay_schedule: the rate is peak_value from the start. A
#   sweep over warmup_steps has 0 in its list for this.
# Seen: the schedule is init_value at each step, usually 0, and the weights never move. It
#   is linear_schedule(init_value, peak_value, 0), which stays at its first number if it
#   has no steps to go. A note about that goes to the log of absl at a level that is not
#   shown. linear_schedule(0.1, 0.0, 0) is 0.1 for ever in the same way.
# So: warmup_constant_schedule(peak, peak, 0), or a plain number where there is no warmup.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  optax==0.2.8 jax==0.10.2 numpy==2.4.6
JAX_PLATFORMS=cpu "$folder/venv/bin/python" - <<'PYTHON'
import jax
import jax.numpy as jnp
import optax

print("optax", optax.__version__, "jax", jax.__version__)
schedules = {
    "warmup_constant": lambda steps: optax.warmup_constant_schedule(0.0, 0.1, steps),
    "warmup_cosine_decay": lambda steps: optax.warmup_cosine_decay_schedule(
        0.0, 0.1, steps, 10_000
    ),
    "warmup_exponential_decay": lambda steps: optax.warmup_exponential_decay_schedule(
        0.0, 0.1, steps, 10_000, 0.9
    ),
}


def trained(schedule):
    """The loss of one weight that is to become 3, after 100 steps."""
    rule = optax.sgd(schedule)
    weight = jnp.zeros(())
    state = rule.init(weight)
    for _ in range(100):
        change, state = rule.update(2 * (weight - 3), state)
        weight = optax.apply_updates(weight, change)
    return float((weight - 3) ** 2)


for name, make in schedules.items():
    for steps in (0, 1):
        schedule = make(steps)
        rates = [round(float(schedule(step)), 4) for step in (0, 1, 100)]
        loss = trained(schedule)
        print(f"{name}, {steps} steps of warmup: rates {rates}, loss {loss:.3f}")
        stuck = name == "warmup_constant" and steps == 0
        assert (rates == [0.0, 0.0, 0.0]) == stuck, "no warmup is the peak now"
        assert (loss == 9.0) == stuck
PYTHON
