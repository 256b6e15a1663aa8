"""Requests and answers as models, one file per group of routes. Beyond them everything is typed, finite and in range.

A group's file carries the name of its blueprint; its fields come from `fields.py`, and `checking.py` turns what
arrived into models, naming every mistake at once.
"""
