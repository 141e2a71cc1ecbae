"""Secrets in the query of a URL: whoever has the value can act as its owner, so it is hidden.

``X-Rps-CAT`` is a serialised access token, ``msExchEcpCanary`` ties a request to a signed-in session.
"""

from __future__ import annotations

import re

from exnorm.patterns import compile_later

HIDDEN = "<redacted>"
PARAMETERS = ("X-Rps-CAT", "msExchEcpCanary")
"""Parameters whose values are secrets, compared without case."""

_SECRET = compile_later(
    rf"((?:^|[?&;]|%3f|%26)(?:{'|'.join(map(re.escape, PARAMETERS))})(?:=|%3d))(?!{HIDDEN})[^&;,\s\"']+",
    re.IGNORECASE,
)


def hide_url_secrets(text: str) -> str:
    """The text, a URL or one that holds some, without the values of secret parameters."""
    return _SECRET.sub(rf"\1{HIDDEN}", text) if "=" in text or "%3" in text else text
