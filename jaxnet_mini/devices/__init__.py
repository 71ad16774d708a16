"""Devices: what is there, what lies where, what is compiled, what may be moved."""
