"""A compact network that learnt on generated pictures alone, run by OpenCV: where something is wrong, and what."""
