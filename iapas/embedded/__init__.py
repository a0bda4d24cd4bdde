"""The embedded back end: what runs when no model has been downloaded."""
