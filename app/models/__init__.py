"""The words of the product: its tables, its states, and Webex's answers as models."""
