"""The way to the workers: a message that carries one integer, and the shared request budget."""
