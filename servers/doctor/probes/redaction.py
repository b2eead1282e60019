"""What the doctor gets to see and never tells: tokens, codes, secrets."""

from urllib.parse import parse_qs, urlsplit

from servers.doctor.evidence.observations import Answer

_SECRETS = ("access_token", "refresh_token", "id_token", "registration_access_token", "client_secret")
_SHORTEST = 8  # what is shorter is no secret, and would blacken whole sentences


class Withheld:
    """Remembers secrets, and blackens them in text."""

    def __init__(self) -> None:
        self._secrets: set[str] = set()

    def add(self, secret: object) -> None:
        """Keep it back from now on."""
        if isinstance(secret, str) and len(secret) >= _SHORTEST:
            self._secrets.add(secret)

    def note(self, answer: Answer) -> None:
        """What is secret in an answer of the protocol."""
        for name in _SECRETS:
            self.add((answer.json or {}).get(name))
        try:
            sent_on = parse_qs(urlsplit(answer.location or "").query)
        except ValueError:
            return
        for code in sent_on.get("code", []):
            self.add(code)

    def out_of(self, text: str) -> str:
        """The text without them."""
        for secret in sorted(self._secrets, key=len, reverse=True):
            text = text.replace(secret, "[withheld]")
        return text
