"""Features without weights for comparing pictures with examples: NumPy and OpenCV only."""

from iapas.embedded.exemplars.filters import FilterBank
from iapas.embedded.exemplars.pair import PairFeatures

__all__ = ["FilterBank", "PairFeatures"]
