"""The database of the settings, for those who need no other tool."""

from app.config import Settings
from app.db.engine import Database
from app.db.place import prepare_file


def open_database(settings: Settings) -> Database:
    """The database of the settings; raises SettingsError where its file cannot be."""
    database = Database(settings.database_url.get_secret_value())
    if database.is_sqlite:
        prepare_file(str(database.url.database))
    return database
