"""The database: connections, the inbox, the state of every ingest, the files."""
