"""Records sent as events: their envelopes, and writing them to Milvus.

Imports `domain`, `runtime`, `embedding` and `store`. Start reading with `writing`.
"""
