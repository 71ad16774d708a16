"""Random numbers by Keras's names: a face only, the work is done in ``core``.

Within ``call`` of a layer of one's own they come from the key of the model, so that
each step draws anew and a run that is repeated draws the same; see
``jaxnet_mini.core.random``.
"""

from jaxnet_mini.core.random import *  # noqa: F403
from jaxnet_mini.core.random import __all__ as __all__
