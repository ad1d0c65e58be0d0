"""Signing in, with a provider of OpenID Connect on this machine, in a browser."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from oidc_provider_mock import User, run_server_in_thread
from playwright.sync_api import BrowserContext, Page, expect

from tests.search_app.browser import (
    LOCALHOST,
    Server,
    free_port,
    loaded,
    photo_id,
    photos,
    serving,
)

SECRETS = """
[auth]
redirect_uri = "http://{host}:{port}/oauth2callback"
cookie_secret = "a long random text"
client_id = "albumscope"
client_secret = "known to both"
server_metadata_url = "http://{host}:{provider}/.well-known/openid-configuration"
"""


@pytest.fixture(scope="module")
def guarded(demo_library: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The page of the demo library, which asks a provider of its own who somebody is."""
    ada = User(sub="ada", claims={"email": "ada@example.org", "email_verified": True})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AUTHLIB_INSECURE_TRANSPORT", "1")  # both are on this machine
        with run_server_in_thread(user_claims=[ada]) as provider:
            folder, port = tmp_path_factory.mktemp("guarded"), free_port()
            (folder / ".streamlit").mkdir()
            (folder / ".streamlit" / "secrets.toml").write_text(
                SECRETS.format(host=LOCALHOST, port=port, provider=provider.server_port)
            )
            with serving(demo_library, folder / "log", port=port) as server:
                yield server


@pytest.fixture
def tab(browser: BrowserContext) -> Iterator[Page]:
    """A browser of somebody who has not signed in; the provider's page wants fonts from the web."""
    assert browser.browser is not None
    with browser.browser.new_context(reduced_motion="reduce") as context:
        local = f"http://{LOCALHOST}:"
        context.route(
            lambda url: not url.startswith((local, "data:", "blob:")), lambda route: route.abort()
        )
        yield context.new_page()


def test_nobody_sees_a_photo_without_signing_in(
    guarded: Server, tab: Page, demo_library: Path
) -> None:
    kite = photo_id(demo_library, "kite")
    tab.goto(f"{guarded.url}/library")
    expect(tab.get_by_role("button", name="Sign in")).to_be_visible()
    expect(tab.get_by_role("heading", name="Snapshots")).to_have_count(0)
    for picture in ("grid", "large", "part?part=0,0,50,50"):
        answer = tab.request.get(f"{guarded.url}/app/static/photos/{kite}/{picture}")
        assert answer.status == 403
    for path in ("photos.zip", "photos.csv"):
        answer = tab.request.post(f"{guarded.url}/app/static/{path}", form={"ids": str(kite)})
        assert answer.status == 403
    assert tab.request.get(f"{guarded.url}/app/static/about.json?id={kite}").status == 403

    tab.goto(f"{guarded.url}/?q=a+cat&photo={kite}")
    expect(tab.get_by_text("Sign in to see the photos.")).to_be_visible()
    expect(photos(tab)).to_have_count(0)
    expect(tab.get_by_role("dialog")).to_have_count(0)
    tab.get_by_role("button", name="Sign in").click()
    tab.get_by_role("button", name="Deny").click()
    expect(tab.get_by_text("Sign in to see the photos.")).to_be_visible()
    tab.get_by_role("button", name="Sign in").click()
    tab.get_by_role("button", name="ada").click()
    expect(tab.get_by_role("heading", name="28 photos")).to_be_visible()
    tab.goto(f"{guarded.url}/?q=a+cat")
    loaded(tab)
    expect(photos(tab).first).to_have_text("cat portrait")
    assert "ada@example.org" not in guarded.log
