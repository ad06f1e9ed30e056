"""Where the only way out is a proxy, and certificates come from a private authority."""

from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.e2e.fronts import tls_front
from tests.e2e.house import house
from tests.webex.tls import ConnectProxy

API, MEDIA = "api.webex.test", "media.webex.test"


@pytest.mark.parametrize("trusted", [True, False], ids=["trusted", "untrusted"])
def test_every_process_works_through_a_proxy_with_a_private_authority(
    tmp_path: Path, trusted: bool
) -> None:
    settings = {"links_at": f"https://{MEDIA}"}
    with house(tmp_path, simulator_settings=settings) as home:
        simulator = home.simulator
        ports = {
            API: urlsplit(simulator.api_url).port or 0,
            MEDIA: urlsplit(simulator.media_url).port or 0,
        }
        with tls_front(tmp_path, ports) as (port, bundle), ConnectProxy(port) as proxy:
            home.environment |= {
                "WEBEX_API_URL": f"https://{API}/v1",
                "DOWNLOAD_HOSTS": ".webex.test",
                "HTTPS_PROXY": proxy.url,
                "NO_PROXY": "127.0.0.1,localhost",
                "REQUESTS_CA_BUNDLE": str(bundle) if trusted else "",
            }
            if not trusted:
                home.command("migrate")
                assert "did not answer (SSLError)" in home.command("webhooks", "list", code=1)
                return
            with home.serving():
                home.command("webhooks", "register")
                meeting_id = simulator.control.hold_meeting(recordings=1)["meeting_id"]
                home.wait_until_complete(meeting_id)
                assert home.differences(meeting_id) == []

            assert {line.split()[1] for line in proxy.asked} == {f"{API}:443", f"{MEDIA}:443"}
