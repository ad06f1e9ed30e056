"""The settings: defaults as promised, sources in order, and errors that show no secret."""

import os
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr

from app.config import Settings, load_settings
from app.errors import SettingsError
from app.models.policy import Policy
from app.models.words import EXTRA_RESOURCES

HASH = f"scrypt:256:8:1$salt${'0' * 128}"
DEFAULTS: dict[str, Any] = {
    "WEBEX_API_URL": "https://webexapis.com/v1",
    "WEBEX_ACCESS_TOKEN": None,
    "WEBEX_CLIENT_ID": None,
    "WEBEX_CLIENT_SECRET": None,
    "WEBEX_REFRESH_TOKEN": None,
    "WEBEX_WEBHOOK_SECRET": (),
    "ALLOW_UNSIGNED_WEBHOOKS": False,
    "PUBLIC_URL": None,
    "DATABASE_URL": "sqlite:///var/webex-ingest.db",
    "CELERY_BROKER_URL": None,
    "ARCHIVE_DIR": Path("var/archive"),
    "ARCHIVE_PATH_TEMPLATE": "{site}/{start:%Y/%m/%d}/{meeting_id}",
    "DOWNLOAD_HOSTS": (".webex.com",),
    "ENCRYPTION_KEY": (),
    "OPERATOR_PASSWORD": None,
    "POLL_FIRST_SECONDS": 60,
    "POLL_MAX_SECONDS": 3600,
    "POLL_GIVE_UP_HOURS": 48,
    "SETTLE_SECONDS": 120,
    "WEBEX_ROLE": "user",
    "EXTRA_RESOURCES": EXTRA_RESOURCES,
    "POLICY": Policy(),
    "RECHECK_DAYS": 7,
    "SCRUB_DAYS": 30,
    "SCRUB_BYTES_PER_SECOND": 20 * 1024**2,
    "WEBHOOK_HEALTH_SECONDS": 300,
    "LEASE_SECONDS": 30,
    "SWEEP_SECONDS": 2,
    "BACKFILL_SECONDS": 3600,
    "BACKFILL_DAYS": 7,
    "RATE_LIMIT_PER_MINUTE": 300,
    "TRANSFER_CONCURRENCY": 8,
    "TRANSFER_PER_HOST": 4,
    "TRANSFER_RANGES": 1,
    "TRANSFER_MAX_BYTES": 64 * 1024**3,
    "DISK_RESERVE_BYTES": 1024**3,
    "LOG_FORMAT": None,
}

VALID: dict[str, str] = {
    "POLL_FIRST_SECONDS": "7.5",
    "WEBEX_ACCESS_TOKEN": "an-access-token",
    "DOWNLOAD_HOSTS": ".example.com, http://127.0.0.1:8801",
    "BACKFILL_DAYS": "3",
}

WRONG = [
    ("WEBEX_API_URL", "not an address"),
    ("PUBLIC_URL", "ftp://example.com"),
    ("DATABASE_URL", "mysql://operator:hunter2-hunter2@example.com/archive"),
    ("DATABASE_URL", "sqlite://"),
    ("DATABASE_URL", "sqlite:///:memory:"),
    ("DATABASE_URL", "hunter2-hunter2"),
    ("DATABASE_URL", "postgresql+psycopg://operator:hunter2-hunter2@example.com:port/archive"),
    ("CELERY_BROKER_URL", "http://operator:hunter2-hunter2@example.com"),
    ("CELERY_BROKER_URL", "redis://:hunter2-hunter2@example.com:port/0"),
    ("ARCHIVE_PATH_TEMPLATE", "{site}/{start:%Y}"),
    ("ARCHIVE_PATH_TEMPLATE", "{meeting_id}/../{meeting_id}"),
    ("ARCHIVE_PATH_TEMPLATE", "{meeting_id"),
    ("ARCHIVE_PATH_TEMPLATE", "{hunter2}/{meeting_id}"),
    ("ARCHIVE_PATH_TEMPLATE", "{site.__class__}/{meeting_id}"),
    ("ARCHIVE_PATH_TEMPLATE", "{site:%Y}/{meeting_id}"),
    ("ENCRYPTION_KEY", "hunter2-hunter2"),
    ("POLL_FIRST_SECONDS", "soon"),
    ("POLL_FIRST_SECONDS", "0"),
    ("POLL_MAX_SECONDS", "inf"),
    ("POLL_GIVE_UP_HOURS", "nan"),
    ("RECHECK_DAYS", "999999"),
    ("BACKFILL_DAYS", "999999"),
    ("POLL_GIVE_UP_HOURS", "1e12"),
    ("SETTLE_SECONDS", "-1"),
    ("LEASE_SECONDS", "-30"),
    ("BACKFILL_DAYS", "1.5"),
    ("SCRUB_DAYS", "-1"),
    ("SCRUB_BYTES_PER_SECOND", "0"),
    ("TRANSFER_CONCURRENCY", "0"),
    ("DISK_RESERVE_BYTES", "-1"),
    ("ALLOW_UNSIGNED_WEBHOOKS", "perhaps"),
    ("LOG_FORMAT", "xml"),
]


@pytest.fixture(autouse=True)
def empty_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder without .env, and an environment without settings."""
    for name in DEFAULTS:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(f"{name}_FILE", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def plain(value: Any) -> Any:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return str(value) if type(value).__name__ == "AnyHttpUrl" else value


def test_every_setting_has_the_default_of_the_contract() -> None:
    settings = load_settings()

    assert {name.upper(): plain(getattr(settings, name)) for name in Settings.model_fields} == (
        DEFAULTS
    )


@pytest.mark.parametrize("name", list(DEFAULTS))
def test_an_empty_value_is_the_default(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "")
    monkeypatch.setenv(f"{name}_FILE", "")

    assert plain(getattr(load_settings(), name.lower())) == DEFAULTS[name]


@pytest.mark.parametrize("name", list(DEFAULTS))
def test_an_empty_file_is_the_default(
    name: str, empty_place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (empty_place / "value").write_text("\n")
    monkeypatch.setenv(f"{name}_FILE", str(empty_place / "value"))

    assert plain(getattr(load_settings(), name.lower())) == DEFAULTS[name]


@pytest.mark.parametrize("name", list(VALID))
def test_a_setting_may_stand_in_a_file(
    name: str, empty_place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, VALID[name])
    direct = load_settings()
    monkeypatch.delenv(name)
    (empty_place / "value").write_text(f"{VALID[name]}\r\n")
    monkeypatch.setenv(f"{name}_FILE", str(empty_place / "value"))

    assert getattr(load_settings(), name.lower()) == getattr(direct, name.lower())


def test_the_environment_goes_before_a_named_file_and_that_before_dotenv(
    empty_place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (empty_place / ".env").write_text("POLL_FIRST_SECONDS=1\nPOLL_MAX_SECONDS=11\n")
    assert load_settings().poll_first_seconds == 1

    (empty_place / "value").write_text("2")
    monkeypatch.setenv("POLL_FIRST_SECONDS_FILE", str(empty_place / "value"))
    assert load_settings().poll_first_seconds == 2

    monkeypatch.setenv("POLL_FIRST_SECONDS", "3")
    assert load_settings().poll_first_seconds == 3
    assert load_settings(poll_first_seconds=4).poll_first_seconds == 4
    assert load_settings().poll_max_seconds == 11


def test_a_file_may_be_named_in_dotenv(empty_place: Path) -> None:
    (empty_place / "token").write_text("an-access-token\n")
    (empty_place / ".env").write_text("WEBEX_ACCESS_TOKEN_FILE=token\n")

    assert plain(load_settings().webex_access_token) == "an-access-token"


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_a_wrong_value_is_one_line_that_names_the_variable_and_shows_no_secret(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(SettingsError) as caught:
        load_settings()

    message = str(caught.value)
    assert message.startswith(f"{name}: ")
    assert len(message.splitlines()) == 1
    assert len(message) > len(name) + 10
    assert "hunter2-hunter2" not in message
    assert caught.value.__suppress_context__


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_a_file_that_cannot_be_read_is_one_line_that_names_it(
    content: bytes | None, empty_place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = empty_place / "value"
    if content is not None:
        path.write_bytes(content)
    monkeypatch.setenv("WEBEX_ACCESS_TOKEN_FILE", str(path))

    with pytest.raises(SettingsError, match=f"WEBEX_ACCESS_TOKEN_FILE: cannot read {path}: "):
        load_settings()


def test_a_dotenv_that_is_no_text_is_said_so(empty_place: Path) -> None:
    (empty_place / ".env").write_bytes(b"WEBEX_ACCESS_TOKEN=\xff\xfe\n")

    with pytest.raises(SettingsError, match=r"\.env: .*UTF-8"):
        load_settings()


def test_settings_of_others_are_left_alone(
    empty_place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (empty_place / ".env").write_text("SOMETHING_ELSE=1\n")
    monkeypatch.setenv("SOMETHING_ELSE_FILE", "/nowhere")

    assert load_settings() == load_settings()


def test_every_secret_is_known_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = [Fernet.generate_key().decode() for _ in range(2)]
    told = {
        "WEBEX_ACCESS_TOKEN": "an-access-token",
        "WEBEX_CLIENT_SECRET": "a-client-secret",
        "WEBEX_REFRESH_TOKEN": "a-refresh-token",
        "WEBEX_WEBHOOK_SECRET": "webhook-secret-1, webhook-secret-2",
        "OPERATOR_PASSWORD": "an-operator-password",
        "ENCRYPTION_KEY": ",".join(keys),
        "DATABASE_URL": "postgresql+psycopg://operator:data%40base-1@example.com/archive",
        "CELERY_BROKER_URL": "redis://:bro%2Fker-1@example.com:6379/0",
    }
    for name, value in told.items():
        monkeypatch.setenv(name, value)

    settings = load_settings()

    assert settings.secrets() == {
        "an-access-token",
        "a-client-secret",
        "a-refresh-token",
        "webhook-secret-1",
        "webhook-secret-2",
        "an-operator-password",
        *keys,
        "data@base-1",
        "data%40base-1",
        "bro/ker-1",
        "bro%2Fker-1",
    }
    assert not any(secret in repr(settings) for secret in settings.secrets())
    assert settings.webhook_secrets == ("webhook-secret-1", "webhook-secret-2")


def test_the_password_may_be_a_hash_in_whichever_quotes_it_came(
    empty_place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (empty_place / ".env").write_text(f"OPERATOR_PASSWORD='{HASH}'\n")
    of_file = load_settings()
    monkeypatch.setenv("OPERATOR_PASSWORD", f"'{HASH}'")
    of_environment = load_settings()

    for settings in (of_file, of_environment):
        assert settings.operator_password == SecretStr(HASH)
        assert settings.with_hashed_password() is settings


def test_a_password_in_clear_becomes_the_same_hash_in_every_process() -> None:
    told = {"operator_password": "an-operator-password", "webex_webhook_secret": "s"}
    first, second = (load_settings(**told).with_hashed_password() for _ in range(2))
    elsewhere = load_settings(**told | {"webex_webhook_secret": "t"}).with_hashed_password()

    assert first.operator_password == second.operator_password
    assert first.operator_password != elsewhere.operator_password
    assert "an-operator-password" not in first.secrets()
    assert load_settings().with_hashed_password().operator_password is None


def test_half_a_hash_is_refused_with_what_makes_a_whole_one() -> None:
    with pytest.raises(SettingsError, match=r"OPERATOR_PASSWORD: .*`webex-ingest password`"):
        load_settings(operator_password=HASH[:-1])


@pytest.mark.parametrize("name", sorted(DEFAULTS))
def test_every_setting_that_may_be_secret_is_kept_secret(name: str) -> None:
    words = ("SECRET", "TOKEN", "PASSWORD", "KEY", "DATABASE_URL", "BROKER_URL")
    field = Settings.model_fields[name.lower()]

    assert ("SecretStr" in str(field.annotation)) == any(word in name for word in words)


def test_settings_are_read_when_asked_for_not_at_import(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWEEP_SECONDS", "9")

    assert load_settings().sweep_seconds == 9
    assert "SWEEP_SECONDS" in os.environ
