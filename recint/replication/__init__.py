"""The notebook again: its figures measured anew, and its pictures."""
