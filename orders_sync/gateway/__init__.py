"""The front door: an HTTP API for other services, and what VTEX and proxies ask for."""
