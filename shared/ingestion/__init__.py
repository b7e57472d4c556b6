"""From an event to an index that equals the bucket: read, parse, chunk, embed, write.

Imports `domain`, `runtime`, `embedding`, `parsing` and `store`. `bucket` is the one file that imports the OSS SDK.
Start reading with `converging`.
"""
