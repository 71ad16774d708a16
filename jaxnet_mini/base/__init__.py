"""What all rooms stand on: plain Python, which knows no layer and no program."""
