"""Finished cells sent to MLflow, for those who want to browse and compare them there.

The store stays the truth: whatever MLflow does, records are safe, and what could not be sent is
sent later. Only the coordinator sends. MLflow and matplotlib take seconds to import and are not
touched before there is something to send.
"""

from bench.tracking.address import ui_command
from bench.tracking.tracker import Tracker

__all__ = ["Tracker", "ui_command"]
