from __future__ import annotations

import pytest

from shared.language.counting import count_of


@pytest.mark.parametrize(("number", "said"), [(0, "0 chunks"), (1, "1 chunk"), (2, "2 chunks")])
def test_a_number_stands_with_its_noun(number: int, said: str) -> None:
    assert count_of(number, "chunk") == said
