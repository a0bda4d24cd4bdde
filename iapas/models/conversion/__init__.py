"""The authors' own checkpoints, turned into the folders that iapas loads."""
