"""The front door: the HTTP API for services, the hook of VTEX, health, and the order desk."""
