"""From a query to ranked chunks: search by meaning and by words, fusion, highlights.

Imports `domain`, `runtime`, `language`, `embedding` and `store`. Start reading with `searching`.
"""
