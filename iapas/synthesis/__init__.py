"""Pictures that we generate ourselves."""
