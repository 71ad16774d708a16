"""A callback that looks at a model, where epochs that nobody looks at go otherwise."""

from jaxnet_mini.callbacks import Callback


class Looks(Callback):
    """Looks at the model after each epoch, so that each is waited for."""

    def on_epoch_end(self, epoch, logs=None):
        self.model.params  # noqa: B018
