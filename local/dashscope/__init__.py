"""DashScope on one machine: the wire protocol of embedding, rerank, generation and OCR over real local models.

    POST   /api/v1/services/embeddings/text-embedding/text-embedding
    POST   /api/v1/services/rerank/text-rerank/text-rerank
    POST   /api/v1/services/aigc/text-generation/generation         models of text alone
    POST   /api/v1/services/aigc/multimodal-generation/generation   models that read more than text: a picture by
                                                                    PP-OCR, or text alone
    POST   /compatible-mode/v1/embeddings                           as OpenAI's interface, without text_type
    POST, GET, DELETE /compatible-mode/v1/files, /batches           batch tasks at half price, in seconds
    GET    /healthz             which model answers
    GET    /control/usage       what was accepted, refused and billed; DELETE resets the counters
    PUT    /control/faults      a list of rules (see Rule); GET shows them, DELETE removes them
    PUT    /control/settings    latency and quota, at run time (see Tuning)

The unmodified SDK talks to it with ``base_address=http://127.0.0.1:9100/api/v1``. Limits are those of
``shared.domain.catalog``; codes and messages are those of https://help.aliyun.com/zh/model-studio/error-code.

Text is not written by a language model but quoted from the sources of the prompt (see `extracting`), with citations.

One call goes through: key, body, fault of the wire, token limits, quota, latency, model, bill, fault of the answer.
So a refused call bills nothing, and an answer that is lost or spoilt on its way is billed.

The SDK sends a request once more when its connection drops before the answer: a ``reset`` or ``lost_answer`` must
strike twice to be seen by the SDK's caller, and each lost answer is billed.
"""

from local.dashscope.server import running
from local.dashscope.settings import Settings

__all__ = ["Settings", "running"]
