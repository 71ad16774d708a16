"""Copies of what a model holds, which begin once all of a copy is there.

Python copies what leads back to itself from the inside out: where a model of a user's
own class stands in another, the inner one is there before the layers that it stands
in. So a copy that holds such a class waits until it is first asked for something, and
all that were copied with it begin together.
"""

import dataclasses
import threading
from typing import Any

from jaxnet_mini.core.networks import holding, protocol
from jaxnet_mini.core.networks.graph import NETWORKS
from jaxnet_mini.models.blueprint import Blueprint


class Together:
    """What is copied at once: among these, models that share layers go on to.

    Each state that is copied leads to the same one, and so each of the copies does.

    Attributes:
        waiting: those of them that have not begun.
    """

    def __init__(self) -> None:
        self.waiting: list[Copied] = []


ALONE = "written", "called"
"""What a copy finds out for itself."""

_TOGETHER, _BEGINNING = Together(), threading.RLock()


def none() -> None:
    """Return what a field is at first that a class must not have as well.

    It would be found there by who asks a copy that waits.
    """


class Copied:
    """The base of what models hold, whose attributes a copy may be waiting for.

    Attributes:
        together: what it was copied with; None of one that was not.
    """

    blueprint: Blueprint
    state: Any
    together: Together | None = None

    def __getstate__(self) -> dict[str, Any]:
        own: dict[str, Any] = {"_places": {}, "_seen": {}} | dict.fromkeys(ALONE)
        return vars(self) | own | {"_state": self.state, "together": _TOGETHER}

    def __setstate__(self, values: dict[str, Any]) -> None:
        together: Together = values["together"]
        values["blueprint"] = dataclasses.replace(values["blueprint"], is_copy=True)
        if _is_there(values["blueprint"].net):
            vars(self).update(values)
            self._settle()
            return
        vars(self)["_waits"] = values
        vars(self)["together"] = together
        together.waiting.append(self)

    def __getattr__(self, name: str) -> Any:
        with _BEGINNING:
            if "_waits" in vars(self):
                together: Any = self.together
                begun, together.waiting = together.waiting, []
                for one in begun:
                    vars(one).update(vars(one).pop("_waits"))
                for one in begun:
                    one._settle()
            if name in vars(self):  # another thread may have been first
                return vars(self)[name]
        kind = type(self).__name__
        raise AttributeError(f"{kind!r} object has no attribute {name!r}", name=name)

    def _settle(self) -> None:
        raise NotImplementedError


def _is_there(layer: Any) -> bool:
    """Tell whether all of a layer is copied, and nothing in it can lead to a model."""
    if type(layer) in NETWORKS:
        return bool(vars(layer)) and all(map(_is_there, layer.layers))
    inner = (inner for _, inner in holding.held(layer))
    return type(layer) in protocol.OWN_LAYERS and all(map(_is_there, inner))
