#!/usr/bin/env bash
# orbax-checkpoint 0.12.8, CheckpointManager with best_fn: one metric that is NaN, and the
# best checkpoint is deleted
#
# Guess: a checkpoint whose metric is NaN (a diverged step, an AUC of a single class)
#   counts as the worst, or is refused; the best ones of max_to_keep stay.
# Seen: checkpoints are sorted by the metric, and NaN, which is neither above nor below
#   anything, parts the list into two that are sorted by themselves. What stands behind
#   it counts as better than all before: of accuracies 0.9, NaN, 0.5, 0.6 the two last
#   are kept and 0.9 is deleted from the disk; of 0.9, 0.8, NaN, 0.7 the one with NaN is
#   kept. With best_mode="min" it is the same. best_step() names the wrong one as well.
# So: let best_fn give -inf (inf for "min") in the place of NaN.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  orbax-checkpoint==0.12.8 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
cd "$folder"
JAX_PLATFORMS=cpu "$folder/venv/bin/python" - <<'PYTHON'
import logging
import math
import os
import tempfile

import numpy as np
import orbax.checkpoint as ocp

print("orbax-checkpoint", ocp.__version__)
logging.disable(logging.WARNING)


def kept(accuracies, best_fn):
    """The accuracies whose checkpoints are left, and that of best_step()."""
    options = ocp.CheckpointManagerOptions(max_to_keep=2, best_fn=best_fn, best_mode="max")
    with ocp.CheckpointManager(tempfile.mkdtemp(dir=os.getcwd()), options=options) as manager:
        for step, accuracy in enumerate(accuracies):
            state = ocp.args.StandardSave({"kernel": np.full(3, accuracy)})
            manager.save(step, args=state, metrics={"accuracy": accuracy})
        manager.wait_until_finished()
        left = [accuracies[step] for step in manager.all_steps()]
        return left, accuracies[manager.best_step()]


def plain(metrics):
    return metrics["accuracy"]


def guarded(metrics):
    return -math.inf if math.isnan(metrics["accuracy"]) else metrics["accuracy"]


nan = math.nan
for accuracies in ([0.9, nan, 0.5, 0.6], [0.9, 0.5, nan, 0.6, 0.7], [0.9, 0.8, nan, 0.7]):
    lost, right = kept(accuracies, plain), kept(accuracies, guarded)
    print(f"of {accuracies} kept {lost[0]}, best {lost[1]}; with -inf for NaN {right[0]}")
    assert 0.9 not in lost[0] and lost[1] != 0.9, "the best one is kept now"
    assert 0.9 in right[0] and right[1] == 0.9
assert kept([0.9, 0.1, 0.5, 0.6], plain) == ([0.9, 0.6], 0.9)
PYTHON
