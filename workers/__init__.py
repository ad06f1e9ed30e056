"""Celery doors: the application, its settings, its tasks."""
