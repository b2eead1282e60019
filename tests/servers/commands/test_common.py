"""Who a command acts for."""

import getpass
import os

import pytest

from servers.commands.common import command_actor
from servers.operations.actor import Actor, ActorKind


def test_command_acts_for_the_operator_who_is_logged_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "ada")
    assert command_actor() == Actor(ActorKind.COMMAND, "ada")


# As in a container that is run under a number.
@pytest.mark.parametrize("problem", [KeyError("uid not found"), OSError("no name")])
def test_account_without_a_name_is_known_by_its_number(monkeypatch: pytest.MonkeyPatch, problem: Exception) -> None:
    def fail() -> str:
        raise problem

    monkeypatch.setattr(getpass, "getuser", fail)
    assert command_actor() == Actor(ActorKind.COMMAND, str(os.getuid()))
