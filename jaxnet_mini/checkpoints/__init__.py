"""Runs that can be killed: kept in a folder, told apart, and taken up again."""
