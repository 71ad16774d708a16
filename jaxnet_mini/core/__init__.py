"""The core: layers, losses, metrics, optimizers and training as pure functions.

Nothing here knows a file, a clock, a console, a thread or a device.
"""
