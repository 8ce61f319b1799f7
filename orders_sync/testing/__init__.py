"""For authors of ERP adapters: invented orders, and the tests that every adapter must pass."""
