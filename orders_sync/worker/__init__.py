"""How work runs: the Celery app, its queues, its schedule, and the way a step is tried again."""
