"""Function Compute on one machine: reads ``s.yaml``, starts its functions, and calls them as the cloud does.

    HTTP request ── routes of the domain ──▶ function            headers x-fc-*, limits of size and time, methods
    POST /2023-03-30/functions/<name>/invocations ──▶ /invoke    Function Compute's own API, sync and async
    POST /gateway/triggers/<name>/<trigger> ──▶ /invoke          what a trigger delivers, always async
    POST /gateway/publish/<name>/<trigger> ──▶ /invoke           a message, in the envelope its trigger would make
    timers ──▶ /invoke

Up to ``reservedConcurrency`` instances run per function. Where all are busy, a synchronous request gets 429, and an
event waits in a queue that enforces its age. Instances are checked for health and memory as ``s.yaml`` declares.

``GET /gateway/status`` reports the state of the functions, ``GET /gateway/notifications`` which bucket events they
subscribe to.

Start reading at `gateway` (what runs), `pool` (how many instances) and `application` (the HTTP side).
"""
