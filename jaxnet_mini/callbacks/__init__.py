"""Callbacks: Keras's hooks, its history, and the built-in callbacks.

Source: https://keras.io/api/callbacks/.
"""

from jaxnet_mini.callbacks.backup import BackupAndRestore
from jaxnet_mini.callbacks.base import Callback, CallbackList, Logs
from jaxnet_mini.callbacks.checkpoint import ModelCheckpoint
from jaxnet_mini.callbacks.csv_logger import CSVLogger
from jaxnet_mini.callbacks.early_stopping import EarlyStopping
from jaxnet_mini.callbacks.history import History
from jaxnet_mini.callbacks.lambda_callback import LambdaCallback
from jaxnet_mini.callbacks.learning_rate import LearningRateScheduler, ReduceLROnPlateau
from jaxnet_mini.callbacks.made_for_keras import as_callbacks
from jaxnet_mini.callbacks.monitor import MonitorCallback
from jaxnet_mini.callbacks.progbar_logger import ProgbarLogger
from jaxnet_mini.callbacks.tensorboard import TensorBoard
from jaxnet_mini.callbacks.terminate import TerminateOnNaN

__all__ = ["Callback", "CallbackList", "History", "Logs", "as_callbacks"]
__all__ += ["BackupAndRestore", "CSVLogger", "EarlyStopping", "LambdaCallback"]
__all__ += ["LearningRateScheduler", "ModelCheckpoint", "MonitorCallback"]
__all__ += ["ProgbarLogger", "ReduceLROnPlateau", "TensorBoard", "TerminateOnNaN"]
