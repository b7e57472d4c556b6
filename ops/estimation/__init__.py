"""What a bucket would cost before anything is billed: a sample of it is read here, and the whole is projected.

``sampling`` chooses documents of the listing, ``measuring`` reads one of them, ``projecting`` makes figures of both,
``prices`` holds what Alibaba Cloud charges, ``printing`` shows the result, ``command`` is what the operator runs.
Nothing is sent to DashScope or Milvus.
"""
