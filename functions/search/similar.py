"""``POST /similar``: chunks that are nearest to one of them, by the vector it has already."""

from __future__ import annotations

from typing import TYPE_CHECKING

from functions.search.shapes import render_result
from functions.search.similar_shapes import SimilarRequest
from shared.domain.errors import NotFoundError
from shared.runtime.request import deadline, read_body, request_id, scope
from shared.runtime.responses import answer

if TYPE_CHECKING:
    from flask import Flask, Response

    from shared.retrieval.current import CurrentRetrieval

PATH = "/similar"


def register(app: Flask, retrieval: CurrentRetrieval) -> None:
    """Add the route."""

    @app.post(PATH)
    def find_similar() -> Response:
        asked = read_body(SimilarRequest)
        found = retrieval.find_similar(asked.id, asked.to_query(), deadline(), scope())
        if found is None:
            raise NotFoundError("chunk_not_found", "There is no such chunk; hits of a search have ids of chunks.")
        return answer(render_result(found, grouped=asked.group_by is not None, request_id=request_id()))
