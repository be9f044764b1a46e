"""Tokens for the files of a catalogue that signs its URLs, renewed before they expire; never written to disk.

Source: the token endpoint of the Planetary Computer, ``/api/sas/v1/token/{collection}``, which answers with ``token``,
a query string, and ``msft:expiry``.
"""

import os
import re
import threading
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

from landslip.errors import RunError, require_extra
from landslip.scenes.catalogue.presets import EXTRA

_KEY_VARIABLE: Final = "PC_SDK_SUBSCRIPTION_KEY"
"""The environment variable that the Planetary Computer documents for its subscription key."""
_MARGIN_S: Final = 120.0
_TIMEOUT_S: Final = 30.0
_ATTEMPTS: Final = 5
_QUERY: Final = re.compile(r"\?\S+")


def without_query(text: str) -> str:
    """Remove query strings, which hold tokens, from a URL or a message.

    Example:
        >>> without_query("https://a.net/B04.tif?sig=secret failed")
        'https://a.net/B04.tif failed'
    """
    return _QUERY.sub("", text)


class Signer:
    """Adds the token of a collection to URLs.

    Args:
        token_url: endpoint with ``{collection}`` in it; None where URLs need no token.
        collection: of the files.
        clock: seconds since 1970.
        environment: where the subscription key is looked for.
    """

    def __init__(
        self,
        token_url: str | None,
        collection: str,
        clock: Callable[[], float] = time.time,
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        self._url = None if token_url is None else token_url.format(collection=collection)
        self._clock = clock
        self._key = environment.get(_KEY_VARIABLE)
        self._lock = threading.Lock()
        self._token = ""
        self._valid_until = 0.0

    def sign(self, url: str, *, renew: bool = False) -> str:
        """Return a URL with a token that is valid for two minutes at least.

        Args:
            url: of a file.
            renew: ask for a new token, because the present one was refused.

        Raises:
            RunError: the endpoint gives no token.
        """
        if self._url is None or "?" in url or not url.startswith("http"):
            return url
        with self._lock:
            if renew or self._clock() > self._valid_until - _MARGIN_S:
                self._token, self._valid_until = self._ask()
            return f"{url}?{self._token}"

    def _ask(self) -> tuple[str, float]:
        requests = require_extra("requests", EXTRA)
        adapters = require_extra("requests.adapters", EXTRA)
        retry = require_extra("urllib3.util", EXTRA).Retry(
            total=_ATTEMPTS, backoff_factor=0.5, status_forcelist=(408, 429, 500, 502, 503, 504), raise_on_status=False
        )
        headers = {"Ocp-Apim-Subscription-Key": self._key} if self._key else {}
        try:
            with requests.Session() as session:
                for scheme in ("https://", "http://"):
                    session.mount(scheme, adapters.HTTPAdapter(max_retries=retry))
                answer = session.get(self._url, headers=headers, timeout=_TIMEOUT_S)
                answer.raise_for_status()
                found = answer.json()
            return str(found["token"]), datetime.fromisoformat(found["msft:expiry"]).timestamp()
        except (requests.RequestException, LookupError, TypeError, ValueError) as error:
            raise RunError(
                f"{self._url} gives no token for the files ({without_query(str(error))[:160]}): repeat the call later"
            ) from error
