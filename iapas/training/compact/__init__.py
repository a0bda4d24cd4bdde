"""The compact model of the embedded default: its network, what it learns from, how it is taught and exported."""
