"""Chaos: a whole installation, struck at random for a while, then checked from outside."""
