"""Why an operation cannot be carried out. Nothing was changed. Each caller words the problem for its users."""


class Problem(Exception):
    """Raised by an operation where its caller can correct the problem. For outages, see oauth.foundation.outages."""


class UnacceptableClient(Problem, ValueError):
    """A client cannot be registered as described. The message is a sentence that says why."""


class UnknownClient(Problem):
    """No client has that id."""

    def __init__(self, client_id: str) -> None:
        super().__init__(client_id)
        self.client_id = client_id


class ClientIsConfigured(Problem):
    """The client is declared in the configuration, which alone can change it."""

    def __init__(self, client_id: str) -> None:
        super().__init__(client_id)
        self.client_id = client_id


class ClientHasNoSecret(Problem):
    """The client authenticates in another way.

    method: its token_endpoint_auth_method."""

    def __init__(self, client_id: str, method: str) -> None:
        super().__init__(client_id, method)
        self.client_id = client_id
        self.method = method


class UnknownUser(Problem):
    """No user who has signed in has that id or address.

    name: the id or address, as the caller sent it."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class AccountDeleted(Problem):
    """The account has been deleted, here or at Supabase."""

    def __init__(self, subject: str) -> None:
        super().__init__(subject)
        self.subject = subject


class IdentityNotLinked(Problem):
    """No user is linked to that subject of that identity provider."""

    def __init__(self, issuer: str, issuer_subject: str) -> None:
        super().__init__(issuer, issuer_subject)
        self.issuer = issuer
        self.issuer_subject = issuer_subject
