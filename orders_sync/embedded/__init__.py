"""The broker from a wheel, and the processes of `demo` and `up`, supervised."""
