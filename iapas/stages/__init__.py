"""The two stages, in terms of protocols: no disk, no torch, no name of a model."""
