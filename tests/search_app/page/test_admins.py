"""Who may publish an older snapshot on the page."""

from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from pipeline.settings import load_settings
from search_app.page import session


@pytest.fixture(autouse=True)
def nothing_remembered() -> Iterator[None]:
    session._sign_in_secret_at.cache_clear()
    yield
    session._sign_in_secret_at.cache_clear()


@pytest.mark.parametrize(
    ("headers", "address", "is_allowed"),
    [
        ({"Host": "127.0.0.1:8501"}, None, True),
        ({"Host": "localhost"}, None, True),
        ({"Host": "photos.example.org"}, None, False),  # a proxy, on this machine
        ({"Host": "localhost", "X-Forwarded-For": "203.0.113.5"}, None, False),
        ({"Host": "localhost"}, "203.0.113.5", False),
        ({}, None, False),
    ],
)
def test_without_signing_in_only_at_the_machine_itself(
    monkeypatch: pytest.MonkeyPatch, headers: dict[str, str], address: str | None, is_allowed: bool
) -> None:
    context = SimpleNamespace(headers=headers, ip_address=address)
    monkeypatch.setattr(session, "st", SimpleNamespace(secrets={}, context=context))
    assert session.may_change() is is_allowed


@pytest.mark.parametrize(
    ("user", "is_allowed"),
    [
        ({"email": "One@example.org"}, True),
        ({"email": "two@example.org", "email_verified": True}, True),
        ({"email": "two@example.org", "email_verified": False}, False),
        ({"email": "three@example.org"}, False),
        ({}, False),
    ],
)
def test_where_one_signs_in_those_in_admins(
    monkeypatch: pytest.MonkeyPatch, user: dict[str, object], is_allowed: bool
) -> None:
    monkeypatch.setenv("ADMINS", "one@example.org, Two@example.org")
    load_settings.cache_clear()
    secrets = {"auth": {"cookie_secret": "a secret"}}
    monkeypatch.setattr(session, "st", SimpleNamespace(secrets=secrets, user=user))
    assert session.may_change() is is_allowed
