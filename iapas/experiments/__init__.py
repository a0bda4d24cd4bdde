"""Trying prompts: templates, lexicons and words compared on the same pictures, phrase by phrase."""
