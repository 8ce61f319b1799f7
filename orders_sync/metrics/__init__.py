"""What is counted and measured, for Prometheus: never personal data, and never an order's id."""

from __future__ import annotations

from orders_sync.metrics.observer import Metrics, StepOutcome

__all__ = ["Metrics", "StepOutcome"]
