"""What steps and refusals mean, and what to do about them; the sentences are in `explanations.toml`."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from oauth.flow_history.events import FlowStep
from oauth.foundation.vocabulary import Step

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
    """at_a_page, by_error, by_step, of_a_call: what clients do after a refusal; the last by its reason. remedies: by
    reason. In a reason, `*` stands for whatever comes there."""

    steps: Mapping[Step, Meaning]
    at_a_page: Mapping[str, str]
    by_error: Mapping[str, str]
    by_step: Mapping[str, str]
    of_a_call: Mapping[str, str]
    remedies: Mapping[str, str]

    def client_does(self, refused: FlowStep) -> str:
        """What clients make of such an answer."""
        if refused.step in self.at_a_page:
            return self.at_a_page[refused.step]
        of_a_call = _found(self.of_a_call, refused.reason) if refused.step is Step.CALLED else None
        return of_a_call or self.by_error.get(refused.error or "", self.by_step.get(refused.step, _GIVES_UP))

    def remedy(self, refused: FlowStep) -> str:
        """What an operator can do."""
        request = f" It is request {refused.request_id}." if refused.request_id else ""
        return _found(self.remedies, refused.reason) or _ASK_THE_LOG + request


def load() -> Explanations:
    """As they come with the program."""
    read = tomllib.loads(Path(__file__).with_suffix(".toml").read_text())
    steps = {Step(name): Meaning(**meaning) for name, meaning in read["steps"].items()}
    return Explanations(steps=steps, **read["client_does"], remedies=read["mend"])


def _found(sentences: Mapping[str, str], reason: str | None) -> str | None:
    """Of exactly this reason, or of the narrowest kind that it is of."""
    if reason is None or reason in sentences:
        return sentences.get(reason or "")
    kinds = [kind for kind in sentences if fnmatchcase(reason, kind)]
    return sentences[max(kinds, key=len)] if kinds else None
