"""The table of contents of what models may be trained on beside the features: one file each, and one line below."""
