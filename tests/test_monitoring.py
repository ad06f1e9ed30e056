"""Dashboard, alerts and scrape config ask for figures that there are, in words Prometheus knows."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families
from promql_parser import Matcher, MatchOp, VectorSelector

from app.config import load_settings
from app.db.accounts import put_account
from app.db.ticks import tick
from app.runtime import build_runtime
from app.web.application import create_app
from tests.db.rows import store_event
from tests.processes import eventually
from tests.test_deployment import COMPOSE, ROOT, SERVICES

DEPLOY = ROOT / "deploy"
DASHBOARD: dict[str, Any] = json.loads((DEPLOY / "grafana/webex-ingest.json").read_text())
ALERTS: dict[str, Any] = yaml.safe_load((DEPLOY / "prometheus/alerts.yml").read_text())
RULES: list[dict[str, Any]] = [rule for group in ALERTS["groups"] for rule in group["rules"]]
SCRAPE: dict[str, Any] = yaml.safe_load((DEPLOY / "prometheus/prometheus.yml").read_text())
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
EXPRESSIONS = [
    *(rule["expr"] for rule in RULES),
    *(target["expr"] for panel in PANELS for target in panel["targets"]),
]
GIVEN_BY_PROMETHEUS = {"instance", "job"}

WANTED = {
    "oldest due too old": "oldest_due_seconds",
    "no sweep": "last_sweep_age_seconds",
    "failed work": "ingests",
    "gaps": "gap_meetings",
    "disk near the reserve": "archive_reserve_bytes",
    "sign-in ends": "token_seconds_left",
    "account not ok": "account_ok",
    "webhooks refused": "webhook_deliveries_total",
    "damaged files": "damaged_files",
    "gate closed for long": "gate_closed_seconds_total",
    "no delivery for long": "last_delivery_age_seconds",
    "no worker": "workers",
}

Figures = dict[str, list[dict[str, str]]]
"""The labels of all samples, by name."""


@pytest.fixture(scope="module")
def figures(tmp_path_factory: pytest.TempPathFactory, migrated_file: Path) -> Figures:
    """What /metrics tells of an installation in which everything has happened once."""
    folder = tmp_path_factory.mktemp("figures")
    path = folder / "webex-ingest.db"
    path.write_bytes(migrated_file.read_bytes())
    settings = load_settings(
        database_url=f"sqlite:///{path}", archive_dir=folder, webex_webhook_secret="a-secret"
    )
    runtime = build_runtime(settings, broker_url="memory://")
    database, now = runtime.bench.database, runtime.bench.clock()
    with database.transaction() as session:
        for name in ("sweep", "beat", "backfill"):
            tick(session, name, now=now)
        put_account(session, "", now=now, access_expires_at=now, refresh_expires_at=now)
    store_event(database, b"1", resource="x", event="x", data_id="x", body="{}", now=now)
    client = create_app(runtime).test_client()
    # Without the broker's depth the figure of it would be missing, and it has a second to tell it.
    text = eventually(lambda: with_all(client.get("/metrics").text))
    database.dispose()
    told: Figures = {}
    for family in text_string_to_metric_families(text or ""):
        for sample in family.samples:
            told.setdefault(sample.name, []).append(sample.labels)
    return told


def with_all(text: str) -> str | None:
    return text if "webex_ingest_broker_messages{" in text else None


def selectors(expression: Any) -> Iterator[VectorSelector]:
    """Every question for a figure in an expression."""
    if isinstance(expression, VectorSelector):
        yield expression
    for name in ("expr", "lhs", "rhs", "vector_selector", "param"):
        inner = getattr(expression, name, None)
        if inner is not None:
            yield from selectors(inner)
    for inner in getattr(expression, "args", None) or ():
        yield from selectors(inner)


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_every_expression_asks_for_figures_and_labels_that_there_are(
    expression: str, figures: Figures
) -> None:
    asked = list(selectors(promql_parser.parse(expression)))

    # What the walk over the tree has missed, the text has.
    assert {each.name for each in asked} == set(re.findall(r"webex_ingest_\w+", expression))
    assert asked
    for each in asked:
        assert each.name in figures, f"there is no {each.name}"
        for matcher in each.matchers.matchers:
            values = {labels.get(matcher.name) for labels in figures[str(each.name)]}
            assert None not in values, f"{each.name} has no {matcher.name}"
            assert matches(matcher, values), f"{each.name} has no {matcher.name} {matcher.value}"


def matches(matcher: Matcher, values: set[str | None]) -> bool:
    """Whether each alternative of a matcher is a value that there is, or Webex may answer."""
    if matcher.name == "status":
        return True
    if matcher.op in (MatchOp.Re, MatchOp.NotRe):
        return set(matcher.value.split("|")) <= values
    return matcher.value in values


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_every_grouping_and_legend_is_by_labels_that_there_are(
    expression: str, figures: Figures
) -> None:
    names = set(re.findall(r"webex_ingest_\w+", expression))
    there = {label for name in names for labels in figures[name] for label in labels}

    grouped = re.findall(r"\b(?:by|on) \(([^)]*)\)", expression)
    asked = {word.strip() for group in grouped for word in group.split(",")}
    assert asked - GIVEN_BY_PROMETHEUS <= there


def test_every_figure_is_on_the_dashboard(figures: Figures) -> None:
    shown = {
        str(each.name)
        for panel in PANELS
        for target in panel["targets"]
        for each in selectors(promql_parser.parse(target["expr"]))
    }

    assert set(figures) - shown == set()


@pytest.mark.parametrize("metric", WANTED.values(), ids=WANTED)
def test_there_is_an_alert_for_everything_that_needs_a_person(metric: str) -> None:
    assert any(f"webex_ingest_{metric}" in rule["expr"] for rule in RULES)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: str(rule["alert"]))
def test_every_alert_waits_and_says_what_it_means_and_what_to_do(rule: dict[str, Any]) -> None:
    assert set(rule) == {"alert", "expr", "for", "labels", "annotations"}
    assert re.fullmatch(r"WebexIngest[A-Z][A-Za-z]+", rule["alert"])
    assert re.fullmatch(r"\d+[mh]", rule["for"])
    assert rule["labels"]["severity"] in {"page", "ticket"}
    told = rule["annotations"]
    assert set(told) == {"summary", "means", "do"}
    assert all(text.endswith(".") for text in told.values())


def test_no_two_alerts_have_one_name() -> None:
    names = [rule["alert"] for rule in RULES]

    assert len(set(names)) == len(names)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: str(rule["alert"]))
def test_an_alert_names_only_labels_that_its_expression_leaves(
    rule: dict[str, Any], figures: Figures
) -> None:
    text = " ".join(rule["annotations"].values())
    labels = set(re.findall(r"\$labels\.(\w+)", text))
    names = re.findall(r"webex_ingest_\w+", rule["expr"])
    grouped = re.search(r"sum by \(([^)]*)\)", rule["expr"])

    there = set(grouped[1].split(", ")) if grouped else {*figures[names[0]][0]}
    assert labels <= there


def test_panels_do_not_lie_on_each_other_and_use_the_chosen_source() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        x, y, w, h = (panel["gridPos"][side] for side in "xywh")
        place = {(column, line) for column in range(x, x + w) for line in range(y, y + h)}
        assert x + w <= 24
        assert not place & taken, panel["title"]
        taken |= place
    assert {panel["datasource"]["uid"] for panel in PANELS} == {"${datasource}"}
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])


def test_what_is_scraped_is_the_web_process_of_compose() -> None:
    (job,) = SCRAPE["scrape_configs"]
    (target,) = job["static_configs"][0]["targets"]
    host, port = target.split(":")

    assert f"--bind 0.0.0.0:{port}" in SERVICES[host]["command"]
    assert job["metrics_path"] == "/metrics"
    assert job["authorization"]["credentials_file"] == "/run/secrets/metrics_token"
    assert COMPOSE["secrets"] == {"metrics_token": {"environment": "METRICS_TOKEN"}}


def test_every_file_of_the_monitoring_is_there_and_mounted_where_it_is_looked_for() -> None:
    mounted = {
        each["target"]: each["source"]
        for name in ("prometheus", "grafana")
        for each in SERVICES[name]["configs"]
    }

    assert set(mounted.values()) == set(COMPOSE["configs"])
    assert all((ROOT / each["file"]).is_file() for each in COMPOSE["configs"].values())
    assert set(SCRAPE["rule_files"]) <= set(mounted)
    assert "--config.file=/etc/prometheus/prometheus.yml" in SERVICES["prometheus"]["command"]
    provider = yaml.safe_load((DEPLOY / "grafana/provisioning/dashboards.yml").read_text())
    assert provider["providers"][0]["options"]["path"] + "/webex-ingest.json" in mounted
