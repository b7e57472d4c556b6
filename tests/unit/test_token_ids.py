"""Token ids in place of texts, as OpenAI's protocol has them."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import msgspec
import pytest

from functions.embed.inputs import MAX_TOKEN_IDS, read_texts
from shared.domain.errors import RequestError
from shared.embedding import token_ids

# Of the file that OpenAI publishes: tiktoken_ext/openai_public.py of tiktoken 0.14 names it.
CL100K_BASE_SHA256 = "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7"


def read(given: Any) -> list[str]:
    return read_texts(msgspec.Raw(given if isinstance(given, bytes) else msgspec.json.encode(given)))


def test_the_vocabulary_is_the_published_one_byte_for_byte() -> None:
    lines = (b"%s %d\n" % (base64.b64encode(token), place) for place, token in enumerate(token_ids._load()))
    assert hashlib.sha256(b"".join(lines)).hexdigest() == CL100K_BASE_SHA256


@pytest.mark.parametrize(
    ("ids", "text"),
    [
        ([519, 85342, 34500, 479, 8997, 2191], "antidisestablishmentarianism"),
        ([17, 489, 220, 17, 284, 220, 19], "2 + 2 = 4"),
        ([33334, 45918, 243, 21990, 9080, 33334, 62004, 16556, 78699], "お誕生日おめでとう"),
        ([679, 20, 508], "201520"),
        ([9906, 100257], "Hello<|endoftext|>"),
        ([], ""),
    ],
)
def test_ids_become_the_text_they_were_made_of(ids: list[int], text: str) -> None:
    assert token_ids.decode(ids) == text


def test_a_character_that_a_client_cut_in_two_is_replaced() -> None:
    assert token_ids.decode([33334, 45918]) == "お\ufffd"


@pytest.mark.parametrize(
    ("given", "texts"),
    [
        ("a", ["a"]),
        (["a", "b"], ["a", "b"]),
        ([15339, 1917], ["hello world"]),
        ([[15339, 1917], [57668, 53901]], ["hello world", "你好"]),
        ([], []),
        ([[]], [""]),
    ],
)
def test_the_input_is_one_text_several_or_their_ids(given: Any, texts: list[str]) -> None:
    assert read(given) == texts


@pytest.mark.parametrize(
    ("given", "code", "part"),
    [
        (None, "invalid_request", "$.input`"),
        (5, "invalid_request", "$.input`"),
        ({}, "invalid_request", "$.input`"),
        ([1.5], "invalid_request", "$.input[0]`"),
        (["a", 5], "invalid_request", "$.input[1]`"),
        ([5, "a"], "invalid_request", "$.input[1]`"),
        ([[1], ["a"]], "invalid_request", "$.input[1][0]`"),
        ([1, [2]], "invalid_request", "not both"),
        ([100_256], "token_ids_unsupported", "100256"),
        ([[1], [-1]], "token_ids_unsupported", "-1"),
        (b'"\\ud800"', "invalid_json", ""),
        (b"[" * 5_000 + b"]" * 5_000, "invalid_request", "$.input[0][0]`"),
    ],
)
def test_another_input_is_refused_with_its_place(given: Any, code: str, part: str) -> None:
    with pytest.raises(RequestError) as caught:
        read(given)
    assert caught.value.code == code
    assert part in caught.value.message


def test_more_ids_than_a_request_may_hold_are_refused_before_they_are_decoded() -> None:
    assert len(read([0] * MAX_TOKEN_IDS)[0]) == MAX_TOKEN_IDS
    with pytest.raises(RequestError, match="too_much_text"):
        read([0] * (MAX_TOKEN_IDS + 1))
