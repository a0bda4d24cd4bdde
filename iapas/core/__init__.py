"""Arrays in, arrays out: no codecs, no paths, no models."""
