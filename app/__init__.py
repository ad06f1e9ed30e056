"""Webhook to verified file: the product."""
