"""The operator's command that makes API keys."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest

from ops.__main__ import main
from ops.keys import hash_key, make_key
from shared.runtime.auth import EVERYTHING, Authenticator, Scope

if TYPE_CHECKING:
    from pathlib import Path


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


def revoke(
    key: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *options: str, **settings: str
) -> tuple[int, str]:
    """Status and output of `keys revoke` for a deployment with these settings."""
    for name in ("API_KEYS", "ADMIN_API_KEYS", "API_KEYS_FILE"):
        monkeypatch.setenv(name, settings.get(name, ""))
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{key}\n"))
    return main(["keys", "revoke", *options]), capsys.readouterr().out


def test_a_key_to_revoke_is_found_by_its_hash_and_not_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    keys = f"other-key, {hash_key('secret-key', ('acme',)).entry},{make_key().entry}"
    status, printed = revoke("secret-key", monkeypatch, capsys, API_KEYS=keys)
    assert status == 0
    assert "Remove entry 2 of API_KEYS: sha256:" in printed
    assert "@acme (2 other keys stay)" in printed
    assert "secret-key" not in printed
    assert "other-key" not in printed


@pytest.mark.parametrize("given", ["secret-key", hash_key("secret-key").entry, hash_key("secret-key").entry.upper()])
def test_a_key_in_clear_is_found_by_itself_or_its_hash(
    given: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    status, printed = revoke(given, monkeypatch, capsys, API_KEYS="secret-key", ADMIN_API_KEYS="a,secret-key")
    assert status == 0
    assert "Remove entry 1 of API_KEYS: a key in clear (0 other keys stay)" in printed
    assert "Remove entry 2 of ADMIN_API_KEYS" in printed
    assert "the last key of API_KEYS" in printed


def test_lines_of_a_file_are_counted_as_an_editor_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "keys"
    file.write_text(f"# customers\n\n{make_key().entry}\n{hash_key('secret-key').entry}@acme\n", "utf-8")
    status, printed = revoke("secret-key", monkeypatch, capsys, "--file", str(file), API_KEYS="other-key")
    assert status == 0
    assert f"Remove line 4 of {file}" in printed
    assert "within a minute" in printed


def test_a_key_that_is_nowhere_and_a_file_that_is_not_here_are_told_apart(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    status, printed = revoke("gone", monkeypatch, capsys, API_KEYS="other-key", API_KEYS_FILE="/mnt/none/keys")
    assert status == 1
    assert "name a copy of it with --file" in printed
    assert "in no place that was looked at" in printed


@pytest.mark.parametrize("given", ["", "key@acme", "sha256:12"])
def test_what_is_no_key_cannot_be_revoked(
    given: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    status, _ = revoke(given, monkeypatch, capsys, API_KEYS="other-key")
    assert status == 1
