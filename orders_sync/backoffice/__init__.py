"""Use cases that the CLI, the HTTP API and the desk share: look up, decide, manage endpoints."""
