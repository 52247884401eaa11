"""The notebook again: its figures measured anew, and its pictures. The account of docs/mechanism.md, and its pictures."""
