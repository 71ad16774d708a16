"""PyTorch with the forward and backward pass through ``torch.compile``."""

from bench.peers import pytorch
from bench.peers.pytorch import device, settings


class Model(pytorch.Model):
    compiled = True


make = Model
__all__ = ["device", "make", "settings"]
