"""Features for comparing pictures with examples: filters, and the compact model's beside them; NumPy, OpenCV."""

from iapas.embedded.exemplars.filters import FilterBank
from iapas.embedded.exemplars.pair import PairFeatures

__all__ = ["FilterBank", "PairFeatures"]
