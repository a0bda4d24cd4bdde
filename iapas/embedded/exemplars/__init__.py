"""Features without weights for comparing pictures with examples: NumPy and OpenCV only."""

from iapas.embedded.exemplars.filters import FilterBank

__all__ = ["FilterBank"]
