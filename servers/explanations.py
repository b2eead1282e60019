"""What steps and refusals mean, and what to do about them; the sentences are in `explanations.toml`."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from oauth.flow_steps import FlowStep, Step

_GIVES_UP = "Most clients give up and show the error."
_ASK_THE_LOG = "Look for the request in the log; the reason is what to search for."


@dataclass(frozen=True, slots=True)
class Meaning:
    """Of a step. done, refused: what happened. waits_for: why it may not have gone on from there."""

    done: str
    refused: str
    waits_for: str


@dataclass(frozen=True, slots=True)
class Explanations:
    """by_error, by_step: what clients do after a refusal. remedies: by reason."""

    steps: Mapping[Step, Meaning]
    by_error: Mapping[str, str]
    by_step: Mapping[str, str]
    remedies: Mapping[str, str]

    def client_does(self, refused: FlowStep) -> str:
        """What clients make of such an answer."""
        return self.by_error.get(refused.error or "", self.by_step.get(refused.step, _GIVES_UP))

    def remedy(self, refused: FlowStep) -> str:
        """What an operator can do."""
        request = f" It is request {refused.request_id}." if refused.request_id else ""
        return self.remedies.get(refused.reason or "", _ASK_THE_LOG + request)


def load() -> Explanations:
    """As they come with the program."""
    read = tomllib.loads(Path(__file__).with_suffix(".toml").read_text())
    steps = {Step(name): Meaning(**meaning) for name, meaning in read["steps"].items()}
    does = read["client_does"]
    return Explanations(steps, does["by_error"], does["by_step"], read["mend"])
