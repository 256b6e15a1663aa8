"""Figures and how sure they are; nothing here knows what they are figures of."""
