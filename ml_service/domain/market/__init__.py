"""What the market did: candles, what is wrong with them, and what they say about a signal's fate."""
