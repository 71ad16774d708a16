"""What Keras has under ``mixed_precision`` and is wanted here: a face only."""

from jaxnet_mini.base.policies import (
    DTypePolicy,
    global_policy,
    set_global_policy,
)

Policy = DTypePolicy
dtype_policy, set_dtype_policy = global_policy, set_global_policy

__all__ = [
    "DTypePolicy",
    "Policy",
    "dtype_policy",
    "global_policy",
    "set_dtype_policy",
    "set_global_policy",
]
