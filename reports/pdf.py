"""Printing a page to a tagged PDF with Chromium; the only importer of Playwright here.

The browser reads no address: the page is handed to it whole, and every request is refused.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import threading
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

from platform_assets.core.errors import WeirError
from platform_assets.core.files import write_file
from platform_assets.core.retry import Retry
from reports.facts.model import Notice
from reports.page.contents import with_page_numbers

if TYPE_CHECKING:
    from playwright.async_api import Browser, Playwright, Route

NAMES = ("chromium", "chromium-browser", "google-chrome")
ATTEMPTS = 3
CLOSE_SECONDS = 10.0

_T = TypeVar("_T")


class PdfError(WeirError):
    """A page could not be printed."""


class NoBrowserError(PdfError):
    """There is no Chromium, or it or its driver does not start: nothing can be printed here."""

    def notice(self, report: str, period: str) -> Notice:
        """What readers of a report without a PDF are told."""
        return Notice(
            rule="pdf",
            message="There is no PDF: the machine that made this report has no browser that "
            f"starts ({self.message}). The page is complete. For a PDF: {self.hint}, then "
            f"weir report {report} --period {period}.",
        )


class PdfPrinter:
    """A warm Chromium that prints one page after another; use it as a context manager.

    It may be called from any thread, also from one that runs an event loop: the browser has a
    loop in a thread of its own, which is what gives every step a timeout.

    Args:
        timeout_seconds: of one print, and of one start of the browser.
        executable: the browser; found on ``PATH`` when not given.

    Raises:
        NoBrowserError: there is no Chromium, it does not start after three attempts, or its
            driver does not.
        PdfError: it does not print, after three attempts.
    """

    def __init__(self, *, timeout_seconds: float = 60.0, executable: str | None = None) -> None:
        self._timeout = timeout_seconds
        self._executable = executable
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="pdf", daemon=True)
        self._lock = asyncio.Lock()
        self._driver: asyncio.Task[Playwright] | None = None
        self._browser: Browser | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        try:
            self._call(self._retrying(self._start))
        except PdfError as error:
            self.__exit__()
            raise NoBrowserError(error.message, error.hint) from error
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_error: object) -> None:
        self._call(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def print(self, html: str, path: Path) -> Path:
        """Print a page: tagged, with bookmarks of its headings and page numbers in its contents.

        The file is replaced as a whole.

        Args:
            html: a whole document; nothing outside it is read.
            path: of the PDF; its folder is made.

        Raises:
            PdfError: it could not be printed.
        """
        if not self._thread.is_alive():
            raise PdfError("the printer is not open", "use it in a with statement")

        async def once() -> bytes:
            browser = await self._start()
            first = await _pdf(browser, html, self._timeout)
            numbered = with_page_numbers(html, first)
            return first if numbered == html else await _pdf(browser, numbered, self._timeout)

        return write_file(path, self._call(self._retrying(once)))

    def _call(self, work: Coroutine[Any, Any, _T]) -> _T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _retrying(self, once: Callable[[], Awaitable[_T]]) -> _T:
        """Try with a fresh browser after each failure; one caller at a time."""
        from playwright.async_api import Error

        attempts = Retry(ATTEMPTS, longest=2).on_async((Error, TimeoutError))
        async with self._lock:
            try:
                async for attempt in attempts:
                    with attempt:
                        try:
                            async with asyncio.timeout(self._timeout):
                                result = await once()
                        except (Error, TimeoutError):
                            await self._stop()
                            raise
            except TimeoutError:
                raise PdfError(
                    f"Chromium took over {self._timeout:g} s, {ATTEMPTS} times",
                    "look for memory and processors: the report may be too large for this machine",
                ) from None
            except Error as error:
                said = error.message.splitlines()[0]
                raise PdfError(
                    f"Chromium failed {ATTEMPTS} times: {said}", self._advice()
                ) from error
        return result

    async def _start(self) -> Browser:
        if self._browser and self._browser.is_connected():
            return self._browser
        await self._stop()
        executable = self._executable or next(filter(None, map(shutil.which, NAMES)), None)
        if executable is None:
            raise NoBrowserError("no Chromium on PATH", "apt install chromium libatomic1")
        from playwright.async_api import async_playwright

        # A task of its own, for only its result can end the driver's process: given up half-way,
        # it would stay.
        self._driver = asyncio.create_task(async_playwright().start())
        try:
            playwright = await asyncio.shield(self._driver)
        except Exception as error:  # of no class of its own
            raise NoBrowserError(
                f"Playwright's driver does not start: {error}",
                "`.venv/bin/playwright --version` says why; apt install libatomic1 on Debian",
            ) from error
        arguments = ["--disable-background-networking", "--disable-dev-shm-usage"]
        # Chromium's sandbox refuses root; any other user keeps it.
        if os.geteuid() == 0:
            arguments.append("--no-sandbox")
        self._browser = await playwright.chromium.launch(
            executable_path=executable, args=arguments, timeout=self._timeout * 1000
        )
        return self._browser

    async def _stop(self) -> None:
        """End browser and driver, whatever state they are in."""
        browser, driver = self._browser, self._driver
        self._browser = self._driver = None
        # What hangs or is gone already is left to the end of its driver.
        if browser:
            with suppress(Exception):
                async with asyncio.timeout(CLOSE_SECONDS):
                    await browser.close()
        if driver:
            with suppress(Exception):
                async with asyncio.timeout(CLOSE_SECONDS):
                    await (await driver).stop()

    def _advice(self) -> str:
        return f"try `{self._executable or NAMES[0]} --headless --version`; apt install chromium"


async def _pdf(browser: Browser, html: str, timeout_seconds: float) -> bytes:
    context = await browser.new_context(java_script_enabled=False, offline=True)
    try:
        await context.route("**/*", _refuse)
        page = await context.new_page()
        await page.set_content(html, timeout=timeout_seconds * 1000)
        return await page.pdf(
            tagged=True, outline=True, prefer_css_page_size=True, print_background=True
        )
    finally:
        await context.close()


async def _refuse(route: Route) -> None:
    if route.request.url.startswith(("about:", "data:")):
        await route.continue_()
    else:
        await route.abort()
