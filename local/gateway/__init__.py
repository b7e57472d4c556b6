"""Function Compute on one machine: reads ``s.yaml``, starts its functions, and calls them as the cloud does.

    HTTP request ── routes of the domain ──▶ function            headers x-fc-*, 32 MB, timeout, methods
    POST /2023-03-30/functions/<name>/invocations ──▶ /invoke    Function Compute's own API, sync and async
    POST /gateway/triggers/<name>/<trigger> ──▶ /invoke          what a trigger delivers, always async
    POST /gateway/publish/<name>/<trigger> ──▶ /invoke           a message, in the envelope its trigger would make
    timers ──▶ /invoke

``GET /gateway/status`` reports the state of the functions, ``GET /gateway/notifications`` which bucket events they
subscribe to. One instance runs per function, so requests wait where the cloud would start another instance.

Start reading at `gateway` (what runs) and `application` (the HTTP side).
"""
