"""The module all three functions reuse, in rooms; imports point one way, from the last room to the first.

    domain      values, errors, the catalog of models             runtime     settings, HTTP, logs, retries, connections
    language    analysis of texts and queries into tokens         embedding   texts to vectors (DashScope)
    parsing     files to text                                     store       chunks and registry (Milvus)
    ingestion   an object of the bucket becomes chunks            records     a record of an event becomes a chunk
    retrieval   a query becomes ranked chunks                     migration   one collection replaces another, online

How a file becomes a search result: ingestion.events -> ingestion.converging -> ingestion.bucket -> parsing ->
ingestion.chunking -> embedding -> store; then retrieval -> embedding, store.
"""
