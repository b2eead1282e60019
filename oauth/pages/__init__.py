"""The pages that people see: HTML that needs no JavaScript, no font and no picture from anywhere."""

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
    """A page that says what happened, what it means and what to do; link: where the button leads."""

    title: str
    meaning: str
    remedy: str
    reason: Reason | None = None
    link: str | None = None
    link_text: str = ""


class Pages:
    """Renders templates with everything escaped; a variable that a template lacks is an error, not a gap."""

    def __init__(self) -> None:
        self._environment = Environment(
            loader=FileSystemLoader(_FOLDER), autoescape=True, undefined=StrictUndefined, auto_reload=False
        )
        self._style = (_FOLDER / "style.css").read_text()
        digest = b64encode(hashlib.sha256(self._style.encode()).digest()).decode()
        self._style_source = f"'sha256-{digest}'"

    def policy(self, *, redirects: bool, captcha: Captcha | None) -> str:
        """The content security policy of a page. redirects: does its form end at another site?"""
        others = f" {captcha.sources}" if captcha is not None else ""
        directives = ["default-src 'none'", f"style-src {self._style_source}{others}", "img-src data:"]
        if captcha is not None:
            directives += [f"{name}{others}" for name in ("script-src", "frame-src", "connect-src")]
        directives += ["base-uri 'none'", "frame-ancestors 'none'"]
        # P-14: Chromium applies form-action to the redirects that follow the form as well.
        return "; ".join(directives if redirects else [*directives, "form-action 'self'"])

    def render(self, template: str, **values: object) -> str:
        """HTML of a template in this folder."""
        return self._environment.get_template(template).render(**values, style=self._style)
