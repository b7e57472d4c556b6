"""The module all three functions reuse; its files, read in order, are the pipeline.

    events -> loading -> parsing -> chunking -> embedding -> store    one adapter or pure step each
    places                                                            what is known of a document's passages
    records, pooling                                                  steps of what comes from no bucket
    fusion, reranking, highlighting                                   steps between the searches and an answer
    ingestion (with indexing), retrieval, streaming                   the use cases
    models errors catalog config tokens quota budget retrying modelstudio
    connection filters stopwords tenants auth web openapi serving logs metrics tracing workspace
                                                                      what they stand on

Imports point one way: function -> use case -> adapter or step -> what they stand on.
"""
