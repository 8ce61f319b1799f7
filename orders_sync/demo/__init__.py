"""The demo: orders go in and commands come back through real processes, judged from outside."""
