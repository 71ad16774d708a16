"""Sweeps: many models trained by one call."""
