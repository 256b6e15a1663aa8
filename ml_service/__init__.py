"""The adaptive sidecar for trading bots: decides fast, learns beside it."""

VERSION = "0.1.0"
