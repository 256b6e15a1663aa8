"""Servers that others have made, each serving the same graph. Each file runs in an environment of its own."""
