"""The loop that most scripts download with: iter_content(8192) into a file."""

import sys
from pathlib import Path

import requests


def main(url: str, place: str) -> None:
    """Download ``url`` to ``place``, as the documentation of requests shows it."""
    with requests.get(url, stream=True, timeout=60) as response:
        response.raise_for_status()
        with Path(place).open("wb") as file:
            for chunk in response.iter_content(8192):
                file.write(chunk)


if __name__ == "__main__":
    main(*sys.argv[1:])
