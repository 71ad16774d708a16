"""The measuring bench: ``python -m bench``; see bench/results/README.md."""
