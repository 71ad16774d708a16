"""What tests of model checkpoint share, and those that ask Keras."""


def saved(callback, model, logs):
    return callback.best, list(model.saved)


def drive_batches(callback, model, epochs, batches):
    """Call the hooks of batches as ``fit`` would."""
    callback.set_model(model)
    callback.on_train_begin({})
    for epoch in range(epochs):
        callback.on_epoch_begin(epoch, {})
        for batch in range(batches):
            callback.on_train_batch_begin(batch, {})
            callback.on_train_batch_end(batch, {"loss": 1.0 / (1 + epoch + batch)})
        callback.on_epoch_end(epoch, {"loss": 1.0, "val_loss": 1.0})
    callback.on_train_end({})
    return model.saved
