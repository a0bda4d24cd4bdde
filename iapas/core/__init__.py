"""The arithmetic: arrays in, arrays out. Knows nothing of files, models or configs."""
