"""What a function needs to run: settings, the HTTP side, authentication, logs, metrics, traces, retries, connections.

Imports `domain`. Start reading with `settings` and `web`.
"""
