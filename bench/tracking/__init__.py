"""Finished cells sent to MLflow, for those who want to browse and compare them there.

The store stays the truth: whatever MLflow does, records are safe, and what could not be sent is
sent later. Only the coordinator sends. MLflow and matplotlib take seconds to import and are not
touched before there is something to send.
"""

from bench.tracking.tracker import Sent, Tracker, ui_command

__all__ = ["Sent", "Tracker", "ui_command"]
