"""The authors' own packages, groundingdino-py and segment-anything, as back ends: to check ours against."""
