"""Words: lexicons, and the reading of what a user types."""
