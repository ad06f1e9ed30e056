"""A stand-alone simulator of the Webex Meetings API over real sockets."""

from simulator.client import ControlClient, ControlError
from simulator.settings import INSTANT, Identity, Settings, Timeline
from simulator.simulation import Simulator

__all__ = [
    "INSTANT",
    "ControlClient",
    "ControlError",
    "Identity",
    "Settings",
    "Simulator",
    "Timeline",
]
