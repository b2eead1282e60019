"""The problems of operations, in the sentences that commands print."""

from servers.configuration.settings import CONFIG_FILE
from servers.operations.problems import (
    AccountDeleted,
    ClientHasNoSecret,
    ClientIsConfigured,
    IdentityNotLinked,
    Problem,
    UnknownClient,
    UnknownUser,
)


def describe_problem(problem: Problem) -> str:
    """A sentence that says what is wrong, and where there is something to do, what."""
    match problem:
        case UnknownClient():
            return f"There is no client {problem.client_id}: `mcp-auth clients list` shows those that there are."
        case ClientIsConfigured():
            return f"{problem.client_id} is declared in {CONFIG_FILE}: change it there, and restart the nodes."
        case ClientHasNoSecret():
            return f"{problem.client_id} has no secret: it authenticates with {problem.method}."
        case UnknownUser():
            return f"There is no user {problem.name}: people get a row when they first sign in."
        case AccountDeleted():
            return f"The account {problem.subject} has been deleted."
        case IdentityNotLinked():
            return f"Nobody is linked to {problem.issuer_subject} of {problem.issuer}."
        case _:
            return str(problem)
