"""All that knows VTEX: its endpoints, its answers and its documents.

`VtexClient` in `client` is what others call. Everything below it but `transport` is free of I/O.
"""
