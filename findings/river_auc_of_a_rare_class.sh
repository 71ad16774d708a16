#!/usr/bin/env bash
# river 0.26.1, metrics.ROCAUC: a good model of a rare class has an AUC of 0.5, and one and
# the same order of scores any AUC between that and the right one
#
# Guess: the AUC depends on the order of scores alone; river's, which is kept online, says
#   that it is an approximation, and is a little off.
# Seen: it has ten thresholds, 0, 0.11, 0.22 and so on to 1, whatever the scores are. Scores
#   between two of them are ties. Where six rows in a thousand are positive a calibrated
#   model gives nobody more than 0.11, and an AUC of 0.83 is shown as 0.5. Raised to a
#   power, which leaves their order as it is, the scores have another AUC: a model that is
#   badly calibrated is shown as better than the same one calibrated.
# So: metrics.RollingROCAUC, which sorts the scores of its window.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  river==0.26.1 scikit-learn==1.9.1 numpy==2.4.6 scipy==1.17.1
"$folder/venv/bin/python" - <<'PYTHON'
import numpy as np
import river
from river import metrics
from sklearn.metrics import roc_auc_score

print("river", river.__version__)
draw = np.random.default_rng(0)
signal = draw.standard_normal(20_000)
chance = 0.006 * np.exp(1.4 * signal - 0.98).clip(0, 15)
label = draw.random(20_000) < chance
exact = roc_auc_score(label, chance)
print(f"{label.mean():.2%} positive, {np.mean(chance > 1 / 9):.1%} of scores above 0.11")


def online(metric, scores):
    for truth, score in zip(label.tolist(), scores.tolist()):
        metric.update(truth, score)
    return metric.get()


seen = []
for power in (1.0, 0.5, 0.2):
    scores = chance**power
    assert abs(roc_auc_score(label, scores) - exact) < 1e-9
    seen.append(online(metrics.ROCAUC(), scores))
    print(f"scores to the power of {power}: AUC {seen[-1]:.3f}, exactly {exact:.3f}")
assert exact > 0.8 and seen[0] < 0.55, "it is close now"
assert seen[0] < seen[1] < seen[2]
rolling = online(metrics.RollingROCAUC(window_size=20_000), chance)
print(f"RollingROCAUC over all: {rolling:.3f}")
assert abs(rolling - exact) < 1e-3
PYTHON
