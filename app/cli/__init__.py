"""The command line: one command a function, each onto one use case."""
