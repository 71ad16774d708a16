"""Training, evaluation and prediction as pure functions of states and batches."""
