"""Captchas that a project demands at sign-in: the one thing on our pages that needs JavaScript, from one other site."""

from dataclasses import dataclass
from enum import StrEnum


class CaptchaProvider(StrEnum):
    """Those that Supabase Auth knows."""

    HCAPTCHA = "hcaptcha"
    TURNSTILE = "turnstile"


@dataclass(frozen=True, slots=True)
class Captcha:
    """provider, and the site key that it gave to the project."""

    provider: CaptchaProvider
    site_key: str

    @property
    def script(self) -> str:
        """What draws the widget into elements of the class `widget`."""
        return _SCRIPTS[self.provider]

    @property
    def widget(self) -> str:
        """The class that the script looks for."""
        return _WIDGETS[self.provider]

    @property
    def field(self) -> str:
        """The field that the widget adds to the form around it."""
        return f"{_WIDGETS[self.provider]}-response"

    @property
    def sources(self) -> str:
        """What the content security policy has to let in."""
        return _SOURCES[self.provider]


_SCRIPTS = {
    CaptchaProvider.HCAPTCHA: "https://js.hcaptcha.com/1/api.js",
    CaptchaProvider.TURNSTILE: "https://challenges.cloudflare.com/turnstile/v0/api.js",
}
_WIDGETS = {CaptchaProvider.HCAPTCHA: "h-captcha", CaptchaProvider.TURNSTILE: "cf-turnstile"}
_SOURCES = {
    CaptchaProvider.HCAPTCHA: "https://hcaptcha.com https://*.hcaptcha.com",
    CaptchaProvider.TURNSTILE: "https://challenges.cloudflare.com",
}
