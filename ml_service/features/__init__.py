"""The shelf of market features. The gate's own parameters live in `domain/parameters`."""
