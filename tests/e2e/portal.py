"""The portal for one user, and their browser after the sign-in.

Belongs here: what tests of several of its pages share. Does not belong here: any page.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from playwright.sync_api import Page, ViewportSize, sync_playwright

from platform_assets.core.settings import LOOPBACK, Settings
from platform_assets.local.wait import wait_until
from reports.portal.app import create_app
from reports.portal.users import User, Users
from tests.e2e.browser import ARGUMENTS, chromium


@contextmanager
def portal_for(settings: Settings, user: User) -> Iterator[str]:
    """A portal that knows the user; gives their password."""
    app = create_app(settings)
    server = uvicorn.Server(
        uvicorn.Config(app, host=LOOPBACK, port=settings.portal_port, log_level="warning")
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    wait_until(lambda: server.started, what="the portal", timeout=30)
    users = Users(app.state.portal.database)
    yield users.add(user)
    users.remove(user.name)
    server.should_exit = True
    thread.join(20)


@contextmanager
def signed_in(
    settings: Settings, user: User, path: str, viewport: ViewportSize, complaints: list[str]
) -> Iterator[Page]:
    """A page of a portal of its own, as the user sees it.

    Args:
        settings: of the portal.
        user: who signs in.
        path: of the page.
        viewport: of the window.
        complaints: takes what the browser says on its console.
    """
    with portal_for(settings, user) as password, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=ARGUMENTS)
        page = browser.new_page(base_url=settings.portal_url, viewport=viewport)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda line: complaints.append(line.text) if line.type != "log" else 0)
        page.goto(f"/login?next={path}")
        page.get_by_label("Name").fill(user.name)
        page.get_by_label("Password").fill(password)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url(f"**{path}")
        yield page
        browser.close()
