"""Keras's own tests, run from its wheel, unmodified, against this library.

`scope` says which of Keras's test files, `exclusions.toml` which of their cases do not
apply and why, `faces` what stands in the place of Keras's classes, `loading` executes
the files, `plugin` reports, and `table` makes the table in the README of it.
"""
