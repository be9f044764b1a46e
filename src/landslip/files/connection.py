"""Asking a server over HTTP with the standard library: bounded, patient with what passes, clear about what does not."""

import http.client
import ssl
import time
from collections.abc import Callable
from email.message import Message
from http.client import HTTPMessage
from typing import Any, Final
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, OpenerDirector, Request, build_opener

from landslip import __version__
from landslip.errors import RunError

TIMEOUT_S: Final = 30.0
ATTEMPTS: Final = 5
_BUSY: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
_LONGEST_WAIT_S: Final = 60.0

TRANSIENT: Final = (URLError, http.client.HTTPException, ConnectionError, TimeoutError, ssl.SSLError)
"""What a new attempt may mend."""


class WrongAnswerError(ConnectionError):
    """A server answers, but not as it should; a new attempt may mend it."""


class _StaySafe(HTTPRedirectHandler):
    """Follows redirects, but never from https to anything else, nor to what is not the web."""

    def redirect_request(
        self, req: Request, fp: Any, code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> Request | None:
        allowed = {"https"} if req.full_url.startswith("https:") else {"http", "https"}
        if urlsplit(newurl).scheme not in allowed:
            raise RunError(f"{req.full_url} leads to {newurl[:80]}, which is not followed: try another source")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


class Connection:
    """A server to ask."""

    def __init__(self, base_url: str, *, pause_s: float = 1.0, sleep: Callable[[float], None] = time.sleep) -> None:
        if urlsplit(base_url).scheme not in {"http", "https"}:
            raise RunError(f"'{base_url}' is no address of a server: give one such as https://zenodo.org")
        self._opener: OpenerDirector = build_opener(_StaySafe)
        self._pause_s = pause_s
        self._sleep = sleep

    def open(self, url: str, *, first_byte: int = 0) -> http.client.HTTPResponse:
        """Send one request for a file, or for the rest of it; the caller closes the answer.

        Raises:
            HTTPError, URLError, ConnectionError, TimeoutError: as urllib does.
        """
        headers = {"User-Agent": f"landslip/{__version__}", "Accept-Encoding": "identity"}
        if first_byte:
            headers["Range"] = f"bytes={first_byte}-"
        answer: http.client.HTTPResponse = self._opener.open(Request(url, headers=headers), timeout=TIMEOUT_S)
        return answer

    def read(self, url: str, most_bytes: int) -> tuple[bytes, Message]:
        """Read a small answer whole, with its headers, trying again where that may help.

        Raises:
            RunError: the server cannot be reached, refuses, or sends more than may be.
        """
        for attempt in range(1, ATTEMPTS + 1):
            try:
                with self.open(url) as answer:
                    body = answer.read(most_bytes + 1)
                    cut_short = answer.length not in (None, 0)
                    headers = answer.headers
            except TRANSIENT as error:
                self.wait_or_give_up(url, error, attempt)
                continue
            if len(body) > most_bytes:
                raise RunError(f"{url} sends more than {most_bytes:,} bytes, which is no list: try another source")
            if cut_short:
                self.wait_or_give_up(url, WrongAnswerError("it breaks off"), attempt)
                continue
            return body, headers
        raise AssertionError("the last attempt returns or raises")

    def wait_or_give_up(self, url: str, error: Exception, attempt: int) -> None:
        """Wait before the next attempt, longer each time; or raise where none would help.

        Raises:
            RunError: it is the last attempt, or the server's answer is final.
        """
        if isinstance(error, HTTPError):
            error.close()
            if error.code not in _BUSY:
                raise RunError(
                    f"{url} is refused ({error.code} {error.reason}): it may have moved; try later, or another source"
                ) from error
        if attempt >= ATTEMPTS:
            raise RunError(unreachable(url, error)) from error
        asked = error.headers.get("Retry-After", "") if isinstance(error, HTTPError) else ""
        wait_s = float(asked) if asked.isdigit() else self._pause_s * 2 ** (attempt - 1)
        self._sleep(min(wait_s, _LONGEST_WAIT_S))


def unreachable(url: str, error: Exception) -> str:
    """What to say where a server does not answer."""
    reason = error.reason if isinstance(error, URLError) else error
    what = getattr(reason, "strerror", None) or str(reason) or type(reason).__name__
    does = "does not answer as it should" if isinstance(error, WrongAnswerError) else "cannot be reached"
    return (
        f"{urlsplit(url).netloc} {does} ({what}): check the connection to the internet and call again, "
        "which goes on where it stopped"
    )
