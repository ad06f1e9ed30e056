"""Families of figures as Prometheus wants them, all under one prefix."""

from collections.abc import Mapping

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

PREFIX = "webex_ingest_"


def gauge(name: str, words: str, value: float) -> GaugeMetricFamily:
    """A figure that goes up and down."""
    return GaugeMetricFamily(PREFIX + name, words, value=value)


def gauges(name: str, words: str, *labels: str) -> GaugeMetricFamily:
    """Several of them, told apart by labels."""
    return GaugeMetricFamily(PREFIX + name, words, labels=labels)


def counters(name: str, words: str, *labels: str) -> CounterMetricFamily:
    """Figures that only grow; Prometheus adds ``_total`` to the name."""
    return CounterMetricFamily(PREFIX + name, words, labels=labels)


def labelled(family: GaugeMetricFamily, values: Mapping[str, float]) -> GaugeMetricFamily:
    """The same with a value for each word of its one label."""
    for label in sorted(values):
        family.add_metric([label], values[label])
    return family
