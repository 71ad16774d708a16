"""Pictures of training and of results, drawn with matplotlib when it is there."""

from jaxnet_mini.plotting.confusion import confusion_matrix
from jaxnet_mini.plotting.figure import BLUE, VERMILION
from jaxnet_mini.plotting.images import show_images
from jaxnet_mini.plotting.learning_curves import curves

__all__ = ["BLUE", "VERMILION", "confusion_matrix", "curves", "show_images"]
