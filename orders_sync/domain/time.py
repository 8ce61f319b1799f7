"""Time as the rest of the code takes it: from outside, aware, in UTC."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

#: Tells the present instant as an aware datetime.
Clock = Callable[[], datetime]
