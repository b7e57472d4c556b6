"""The operator's command that makes API keys."""

from __future__ import annotations

import io

import pytest

from ops.__main__ import main
from ops.keys import hash_key, make_key
from shared.runtime.auth import EVERYTHING, Authenticator, Scope


def test_a_made_key_opens_what_its_entry_says_and_no_other_does() -> None:
    everything, bound = make_key(), make_key(("acme", "beta"))
    authenticator = Authenticator((everything.entry, bound.entry))
    assert authenticator.find(f"Bearer {everything.key}", "") == EVERYTHING
    assert authenticator.find("", bound.key) == Scope(frozenset({"acme", "beta"}))
    assert authenticator.find("", make_key().key) is None
    assert authenticator.find("", everything.entry) is None
    assert everything.key not in everything.entry


@pytest.mark.parametrize(("key", "tenants"), [("", ()), ("a@b", ()), ("a,b", ()), ("a", ("",)), ("a", ("x+y",))])
def test_what_an_entry_cannot_hold_is_refused(key: str, tenants: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="has at least one character"):
        hash_key(key, tenants)


def test_the_entry_of_a_given_key_does_not_show_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("secret-key\n"))
    assert main(["keys", "--hash", "--tenant", "acme"]) == 0
    printed = capsys.readouterr().out
    assert hash_key("secret-key", ("acme",)).entry in printed
    assert "secret-key" not in printed
