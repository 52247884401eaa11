"""The notebook again: its numbers measured anew, and its pictures. The account of docs/mechanism.md, and its pictures."""
