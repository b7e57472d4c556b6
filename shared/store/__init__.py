"""Chunks and the document registry in Milvus.

Imports `domain`, `runtime` and `language`. Milvus expressions are written here only. Start reading with `store`.
"""
