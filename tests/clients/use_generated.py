"""Calls the functions through a client that openapi-python-client made; prints what it saw as JSON."""

import json
import sys

from client import AuthenticatedClient
from client.api.embed import create_embedding, embed
from client.api.search import get_chunks, list_documents, retrieve, search, search_by_link
from client.models.chunks_response import ChunksResponse
from client.models.embed_answer import EmbedAnswer
from client.models.embed_request import EmbedRequest
from client.models.list_response import ListResponse
from client.models.open_ai_answer import OpenAIAnswer
from client.models.open_ai_request import OpenAIRequest
from client.models.retrieval_request import RetrievalRequest
from client.models.retrieval_response import RetrievalResponse
from client.models.search_request import SearchRequest
from client.models.search_response import SearchResponse
from client.types import Unset

seen: list[object] = []
with AuthenticatedClient(base_url=sys.argv[1], token="any") as caller:
    found = search.sync(client=caller, body=SearchRequest(query="dust filter", top_k=1))
    assert isinstance(found, SearchResponse)
    assert not isinstance(found.hits, Unset)
    seen.append([found.hits[0].document.key, len(found.hits[0].highlights[0])])
    linked = search_by_link.sync(client=caller, q="dust", filter_='{"eq": {"format": "pdf"}}')
    assert isinstance(linked, SearchResponse)
    assert not isinstance(linked.hits, Unset)
    seen.append(linked.hits[0].document.key)
    embedded = embed.sync(client=caller, body=EmbedRequest(texts=["a"]))
    assert isinstance(embedded, EmbedAnswer)
    seen.append(embedded.dimension)
    vectors = create_embedding.sync(client=caller, body=OpenAIRequest(input_="a", model="text-embedding-v4"))
    assert isinstance(vectors, OpenAIAnswer)
    seen.append(len(vectors.data))
    records = retrieve.sync(client=caller, body=RetrievalRequest(knowledge_id="all", query="dust filter"))
    assert isinstance(records, RetrievalResponse)
    seen.append(records.records[0].title)
    documents = list_documents.sync(client=caller, limit=1)
    assert isinstance(documents, ListResponse)
    chunks = get_chunks.sync(document_id=documents.documents[0].id, client=caller)
    assert isinstance(chunks, ChunksResponse)
    seen.append(chunks.document_id == documents.documents[0].id)
sys.stdout.write(json.dumps(seen))
