"""The web door: webhooks in, pages and figures out."""
