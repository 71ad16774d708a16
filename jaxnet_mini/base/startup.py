"""JAX and optax, imported while the garbage collector rests.

Importing them makes some 200,000 objects that stay for good. The collector would go
through them several times during the import, and once more at the end of the program:
0.3 s in all, a sixth of a script that trains a small network. They are therefore set
aside with ``gc.freeze``, as Python's manual advises for what stays. Where JAX has been
imported before, the collector is left alone: what else is there may be someone's data.

Source: https://docs.python.org/3/library/gc.html#gc.freeze
"""

import gc
import sys

if "jax" not in sys.modules:
    _was_enabled = gc.isenabled()
    gc.disable()
    try:
        import jax  # noqa: F401
        import optax  # noqa: F401
    finally:
        if _was_enabled:
            gc.enable()
    gc.freeze()
