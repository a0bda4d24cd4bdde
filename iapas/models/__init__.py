"""Foundation models behind the protocols: registry, loading, adapters. The one room that imports torch."""
