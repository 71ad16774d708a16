"""What happens in time: the loops of fit, evaluate and predict, seen from the host."""
