"""What the nets share: they differ in their body alone."""
