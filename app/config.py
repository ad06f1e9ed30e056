"""The settings: environment variables, ``.env``, or a file named by ``NAME_FILE``."""

import os
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from dotenv import dotenv_values
from pydantic import (
    AnyHttpUrl,
    BeforeValidator,
    Field,
    NonNegativeInt,
    PositiveInt,
    SecretStr,
    ValidationError,
    field_validator,
)
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from app.errors import SettingsError
from app.models.passwords import check_hash, hash_password, is_hash
from app.models.policy import Policy
from app.models.words import DOOR, EXTRA_RESOURCES, Resource, Role

_GIB = 1024**3


def _split(value: Any) -> Any:
    return (
        [part.strip() for part in value.split(",") if part.strip()]
        if isinstance(value, str)
        else value
    )


def _resources(value: Any) -> Any:
    # An empty value counts as none given, as for every other setting.
    return () if value == "none" else _split(value)


Secrets = Annotated[tuple[SecretStr, ...], NoDecode, BeforeValidator(_split)]
Resources = Annotated[tuple[Resource, ...], NoDecode, BeforeValidator(_resources)]
Rules = Annotated[
    Policy,
    NoDecode,
    BeforeValidator(lambda value: Policy.read(value) if isinstance(value, str) else value),
]
Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]

# Ten years, so that no time reckoned with it is beyond what a calendar can say.
Seconds = Annotated[float, Field(gt=0, le=10 * 366 * 86400)]
Hours = Annotated[float, Field(gt=0, le=10 * 366 * 24)]


class NameFileSource(PydanticBaseSettingsSource):
    """Reads NAME from the file that NAME_FILE names, as Docker and Kubernetes hand out secrets."""

    def get_field_value(
        self,
        field: Any,  # noqa: ARG002 -- the shape of the base class
        field_name: str,
    ) -> tuple[Any, str, bool]:
        """Give the content of the file, without the line break at its end."""
        path = _told_paths().get(f"{field_name.upper()}_FILE")
        if not path:
            return None, field_name, False
        try:
            return Path(path).read_text().rstrip("\r\n") or None, field_name, False
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not text"
            raise SettingsError(
                f"{field_name.upper()}_FILE: cannot read {path}: {reason}"
            ) from None

    def __call__(self) -> dict[str, Any]:
        """All settings that are given by a file."""
        found = {
            name: self.get_field_value(field, name)[0]
            for name, field in self.settings_cls.model_fields.items()
        }
        return {name: value for name, value in found.items() if value is not None}


def _told_paths() -> dict[str, str | None]:
    return {**dotenv_values(".env"), **os.environ}


class Settings(BaseSettings):
    """Everything an operator can set; the README's table says what each one is for."""

    model_config = SettingsConfigDict(
        env_file=".env",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
    )

    webex_api_url: AnyHttpUrl = AnyHttpUrl("https://webexapis.com/v1")
    webex_access_token: SecretStr | None = None
    webex_role: Role = Role.USER
    webex_client_id: str | None = None
    webex_client_secret: SecretStr | None = None
    webex_refresh_token: SecretStr | None = None
    webex_webhook_secret: Secrets = ()
    allow_unsigned_webhooks: bool = False
    public_url: AnyHttpUrl | None = None
    database_url: SecretStr = SecretStr("sqlite:///var/webex-ingest.db")
    celery_broker_url: SecretStr | None = None
    archive_dir: Path = Path("var/archive")
    archive_path_template: str = "{site}/{start:%Y/%m/%d}/{meeting_id}"
    download_hosts: Names = (".webex.com",)
    encryption_key: Secrets = ()
    operator_password: SecretStr | None = None
    poll_first_seconds: Seconds = 60
    poll_max_seconds: Seconds = 3600
    poll_give_up_hours: Hours = 48
    extra_resources: Resources = EXTRA_RESOURCES
    policy: Rules = Policy()
    settle_seconds: Annotated[float, Field(ge=0, le=10 * 366 * 86400)] = 120
    lease_seconds: Seconds = 30
    sweep_seconds: Seconds = 2
    backfill_seconds: Seconds = 3600
    backfill_days: Annotated[PositiveInt, Field(le=10 * 366)] = 7
    recheck_days: Annotated[NonNegativeInt, Field(le=10 * 366)] = 7
    scrub_days: Annotated[NonNegativeInt, Field(le=10 * 366)] = 30
    scrub_bytes_per_second: Annotated[int, Field(ge=1024)] = 20 * 1024**2
    webhook_health_seconds: Seconds = 300
    rate_limit_per_minute: PositiveInt = 300
    transfer_concurrency: PositiveInt = 8
    transfer_per_host: PositiveInt = 4
    transfer_ranges: PositiveInt = 1
    transfer_max_bytes: PositiveInt = 64 * _GIB
    disk_reserve_bytes: NonNegativeInt = _GIB
    log_format: Literal["console", "json"] | None = None

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 -- NAME_FILE replaces it
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment goes before files that it names, those before ``.env``."""
        return init_settings, env_settings, NameFileSource(settings_cls), dotenv_settings

    @field_validator("database_url")
    @classmethod
    def _known_database(cls, url: SecretStr) -> SecretStr:
        try:
            backend = make_url(url.get_secret_value())
        except (ArgumentError, ValueError):
            raise ValueError("is no database address") from None
        if backend.drivername not in ("sqlite", "postgresql+psycopg"):
            raise ValueError("must start with sqlite:/// or postgresql+psycopg://")
        if backend.drivername == "sqlite" and backend.database in (None, "", ":memory:"):
            raise ValueError("must name a file: a database in memory is lost with its process")
        return url

    @field_validator("celery_broker_url")
    @classmethod
    def _known_broker(cls, url: SecretStr | None) -> SecretStr | None:
        schemes = ("redis://", "rediss://", "amqp://", "amqps://")
        if url is not None and not url.get_secret_value().startswith(schemes):
            raise ValueError("must start with redis:// or amqp:// (or rediss://, amqps://)")
        try:
            _passwords(url)
        except (ArgumentError, ValueError):
            raise ValueError("is no broker address") from None
        return url

    @field_validator("archive_path_template")
    @classmethod
    def _template_names_the_meeting(cls, template: str) -> str:
        from app.archive.paths import check_template

        check_template(template)
        return template

    @field_validator("download_hosts")
    @classmethod
    def _hosts_are_hosts(cls, hosts: tuple[str, ...]) -> tuple[str, ...]:
        from app.archive.links import check_allowed

        for host in hosts:
            check_allowed(host)
        return hosts

    @field_validator("extra_resources")
    @classmethod
    def _extras_are_no_core(cls, extras: tuple[Resource, ...]) -> tuple[Resource, ...]:
        if not {*extras} <= {*EXTRA_RESOURCES}:
            raise ValueError(f"must be any of {', '.join(EXTRA_RESOURCES)}; the others always are")
        return extras

    @field_validator("operator_password")
    @classmethod
    def _hash_is_a_hash(cls, password: SecretStr | None) -> SecretStr | None:
        text = password.get_secret_value() if password else ""
        if text.startswith("'scrypt:") and text.endswith("'"):
            # Not everything that reads an .env takes the quotes away that others need.
            text = text.strip("'")
        if is_hash(text):
            check_hash(text)
            return SecretStr(text)
        return password

    @field_validator("encryption_key")
    @classmethod
    def _keys_are_fernet_keys(cls, keys: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        # Few processes have a key to check, and every one reads the settings.
        from cryptography.fernet import Fernet

        for key in keys:
            try:
                Fernet(key.get_secret_value())
            except ValueError:
                raise ValueError("must be Fernet keys; `webex-ingest init` makes one") from None
        return keys

    @property
    def webhook_address(self) -> str | None:
        """Where Webex posts to; None without a PUBLIC_URL."""
        return str(self.public_url).rstrip("/") + DOOR if self.public_url else None

    @property
    def webhook_secrets(self) -> tuple[str, ...]:
        """All secrets that a delivery may be signed with; the first one signs."""
        return tuple(secret.get_secret_value() for secret in self.webex_webhook_secret)

    def with_hashed_password(self) -> "Settings":
        """The same settings, of which nobody can tell the operator's password any more.

        Every process comes to the same hash, so that a session is good at all of them.
        """
        password = self.operator_password
        if password is None or is_hash(password.get_secret_value()):
            return self
        own = self.webhook_secrets[-1] if self.webhook_secrets else ""
        salt = sha256(f"webex-ingest {own}".encode()).hexdigest()[:32]
        hashed = SecretStr(hash_password(password.get_secret_value(), salt=salt))
        return self.model_copy(update={"operator_password": hashed})

    def secrets(self) -> frozenset[str]:
        """Every secret value that is set, so that the log can refuse to print one."""
        found: set[str] = set()
        for name in type(self).model_fields:
            value = getattr(self, name)
            each = value if isinstance(value, tuple) else (value,)
            found |= {secret.get_secret_value() for secret in each if isinstance(secret, SecretStr)}
        # The addresses themselves are told to people; only their passwords are secret.
        for address in (self.database_url, self.celery_broker_url):
            if address is not None:
                found.discard(address.get_secret_value())
            found |= _passwords(address)
        return frozenset(text for text in found if text)


def load_settings(**given: Any) -> Settings:
    """Read the settings; SettingsError is one line that names the variable and what is allowed."""
    try:
        return Settings(**given)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        name = str(first["loc"][0]).upper() if first["loc"] else "settings"
        raise SettingsError(f"{_told_by(name)}: {_plain(first['msg'])}") from None
    except UnicodeDecodeError:
        raise SettingsError(".env: is not UTF-8 text") from None


def _told_by(name: str) -> str:
    """What an operator has to look at: the variable, or the file that another one names."""
    place = None if os.environ.get(name) else _told_paths().get(f"{name}_FILE")
    return f"{name}_FILE ({place})" if place else name


def _passwords(address: SecretStr | None) -> set[str]:
    """The password in an address, as it is and as it is written there."""
    if address is None:
        return set()
    text = address.get_secret_value()
    return {each for each in (make_url(text).password, urlsplit(text).password) if each}


def _plain(message: str) -> str:
    return message.removeprefix("Value error, ").replace("Input should", "must")
