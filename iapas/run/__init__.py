"""The batch loop: workers, capture of faults, continuing, signals."""
