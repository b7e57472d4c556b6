"""The module all three functions reuse; its files, read in order, are the pipeline.

    events -> loading -> parsing -> chunking -> embedding -> store      one adapter or pure step each
    ingestion, retrieval                                                the two use cases
    models errors catalog config tokens quota retrying auth web logs    what they stand on

Imports point one way: function -> use case -> adapter or step -> what they stand on.
"""
