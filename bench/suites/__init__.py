"""The suites; each module has ``run(settings)``, which returns plain data.

The data are ``tables`` (`bench.tables`), ``ratios`` by name (`bench.turns.ratio`),
``data`` for the picture, and ``left_out``: why ratios whose names start with, or end
with, a key are not there.
"""

SUITES = ("fit", "cold", "small", "jit", "limit", "growth", "keep", "sweep", "stream")
SUITES += ("sklearn", "cores", "memory", "nets")
