"""The Webex API: signatures, requests, pages, and the resources as functions."""
