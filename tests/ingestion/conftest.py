"""Stages for what does not depend on the kind of database."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any

import pytest

from simulator import Settings as SimulatorSettings
from simulator import Timeline
from tests.stage import Stage, staged

MakeStage = Callable[..., Stage]


@pytest.fixture
def make_stage(
    tmp_path: Path, migrated_file: Path, broker_url: str, timeline: Timeline
) -> Iterator[MakeStage]:
    """Make a stage on SQLite with settings of its own."""
    usual = SimulatorSettings(timeline=timeline)
    with ExitStack() as stack:

        def make(**settings: Any) -> Stage:
            path = tmp_path / "webex-ingest.db"
            shutil.copyfile(migrated_file, path)
            stage: AbstractContextManager[Stage] = staged(
                tmp_path,
                f"sqlite:///{path}",
                broker_url,
                **{"simulator_settings": usual, **settings},
            )
            return stack.enter_context(stage)

        yield make


@pytest.fixture
def sqlite_stage(make_stage: MakeStage) -> Stage:
    """A stage on SQLite with the usual settings."""
    return make_stage()
