"""The use cases: from an event to verified files, one resource at a time."""
