"""Files: models, weights and states of training, written and read."""
