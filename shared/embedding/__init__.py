"""Texts to vectors through DashScope: batching, quota, budget, token counts, reranking.

Imports `domain` and `runtime`. `dashscope` is the one file that imports the SDK. Start reading with `embedder`.
"""
