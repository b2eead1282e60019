"""The HTML pages for users. They need no JavaScript, and no fonts or images from other sites."""

import hashlib
from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from oauth.foundation.reason_codes import Reason
from oauth.protocol.captcha import Captcha

_FOLDER = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Message:
    """The text of a page that says what happened.

    title: what happened.
    meaning: what it means.
    remedy: what the user can do.
    reason: the code that the page and the log show; None where nothing was refused.
    link: where the button leads; None for no button.
    link_text: the label of the button."""

    title: str
    meaning: str
    remedy: str
    reason: Reason | None = None
    link: str | None = None
    link_text: str = ""


class Pages:
    """Renders the templates of this folder with autoescaping. A missing variable is an error, not an empty string."""

    def __init__(self) -> None:
        self._environment = Environment(
            loader=FileSystemLoader(_FOLDER), autoescape=True, undefined=StrictUndefined, auto_reload=False
        )
        self._style = (_FOLDER / "style.css").read_text()
        digest = b64encode(hashlib.sha256(self._style.encode()).digest()).decode()
        self._style_source = f"'sha256-{digest}'"

    def policy(self, *, redirects: bool, captcha: Captcha | None) -> str:
        """The Content-Security-Policy of a page.

        redirects: whether its form ends in a redirect to another site.
        captcha: the captcha that it shows, if any."""
        others = f" {captcha.sources}" if captcha is not None else ""
        directives = ["default-src 'none'", f"style-src {self._style_source}{others}", "img-src data:"]
        if captcha is not None:
            directives += [f"{name}{others}" for name in ("script-src", "frame-src", "connect-src")]
        directives += ["base-uri 'none'", "frame-ancestors 'none'"]
        # Chromium applies form-action to the redirects after a form as well, which would block the one after consent.
        return "; ".join(directives if redirects else [*directives, "form-action 'self'"])

    def render(self, template: str, **values: object) -> str:
        """The HTML of a template in this folder."""
        return self._environment.get_template(template).render(**values, style=self._style)
