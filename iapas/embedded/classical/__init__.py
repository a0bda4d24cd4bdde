"""Classical vision, NumPy and OpenCV only: candidate regions, their attributes, a score, soft clusters.

It looks for what stands out from its surroundings, on surfaces above all; it has learnt nothing from any picture.
"""
