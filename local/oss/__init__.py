"""OSS on one machine: an HTTP server that lets the real SDK use a plain folder as a bucket, and emits OSS events.

It answers path-style requests (``http://127.0.0.1:PORT/<bucket>/<key>``), which is what the SDK sends to an endpoint
with an IP address, with the status codes, headers and XML of OSS. Requests must be signed, but signatures are not
verified. One bucket, no versioning. How keys lie in the folder: ``local/oss/layout.py``.

The SDK's HTTP client folds ``.`` and ``..`` segments of a URL before it sends it, so such keys never arrive as written;
a client that sends them as they are gets them stored as they are.

    GET  /healthz                which bucket answers
    GET  /control/requests       how often each operation was called
    PUT  /control/faults         {"rules": [...]}, see Rule; DELETE ends them
    PUT  /control/notifications  {"mode": "deliver" | "drop" | "duplicate"}
"""

from local.oss.notification import Notification
from local.oss.server import running
from local.oss.settings import Settings

__all__ = ["Notification", "Settings", "running"]
