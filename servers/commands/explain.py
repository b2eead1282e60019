"""mcp-auth explain: the stories of attempts to connect, told from what has been written down of them."""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from oauth.flow_history.events import KEPT, FlowStep
from oauth.flow_history.recorder import MOST_REPEATED
from oauth.foundation.vocabulary import Step
from oauth.stores.opening import store_on
from servers.commands.common import command_settings, open_for_command
from servers.explain import explanations
from servers.explain.explanations import Explanations
from servers.explain.history import ConnectionAttempt, ConnectionAttempts, find_attempts


class NothingKnown(Exception):
    """Nothing has been written down of what is asked for."""


async def explain(name: str, *, as_json: bool) -> None:
    """Write the stories of a flow, request, client or grant to standard output. NothingKnown when there are none."""
    async with open_for_command(command_settings()) as database:
        stories = (
            await find_attempts(name, store_on(database).flow_history) if name.isascii() else ConnectionAttempts(())
        )
    meanings = explanations.load()
    sys.stdout.write(_as_json(stories, meanings) if as_json else render_text(stories, meanings))
    if not stories.told:
        raise NothingKnown(
            f"Nothing is known of {name}. It takes the id of a flow (fl_…), a request, a client or a grant. What "
            f"happens is written down within a second or two, and kept for {KEPT.days} days."
        )


def render_text(stories: ConnectionAttempts, meanings: Explanations) -> str:
    """In sentences, the newest story first."""
    all_told = "\n".join(_told(story, meanings) for story in stories.told)
    if not stories.more:
        return all_told
    least = "" if stories.are_counted else "at least "
    there, has = ("There is", "It has") if stories.more == 1 else ("There are", "Each has")
    return f"{all_told}\n{there} {least}{stories.more} more. {has} an id, which pages that refuse and the log show.\n"


@dataclass(frozen=True, slots=True)
class _Line:
    """The same thing, as often as it happened."""

    steps: tuple[FlowStep, ...]
    is_likely: bool

    @property
    def first(self) -> FlowStep:
        return self.steps[0]

    @property
    def last(self) -> FlowStep:
        return self.steps[-1]


def _lines(story: ConnectionAttempt) -> Sequence[_Line]:
    """In the order in which each happened first."""
    same: dict[tuple[object, ...], list[FlowStep]] = {}
    for step in story.steps:
        kind = (step in story.likely, step.step, step.reason, step.error, step.client_id, step.resource, step.grant_id)
        same.setdefault(kind, []).append(step)
    return [_Line(tuple(steps), steps[0] in story.likely) for steps in same.values()]


def _told(story: ConnectionAttempt, meanings: Explanations) -> str:
    """Oldest first; at the end how far it came, and what to do."""
    first = story.steps[0].recorded_at
    head = f"Flow {story.flow_id}, from {first.isoformat(timespec='seconds')}\n\n"
    cut = "  (It has earlier steps, which are left out.)\n" if story.is_cut else ""
    lines = "".join(_line(line, first, meanings) for line in _lines(story))
    return f"{head}{cut}{lines}\n{_end(story, meanings)}"


def _line(line: _Line, start: datetime, meanings: Explanations) -> str:
    step, meaning = line.first, meanings.steps[line.first.step]
    what = meaning.done
    if step.reason is not None:
        answered = step.reason if step.error is None else f"{step.error}, {step.reason}"
        what = f"{meaning.refused}: {line.last.description or step.reason} ({answered})"
    named = (("client", step.client_id), ("resource", step.resource))
    about = "".join(f"  {name} {value}" for name, value in named if value is not None)
    if len(line.steps) > 1:
        # Of what repeats more often no more is written down.
        often = " or more" if step.is_refusal and len(line.steps) >= MOST_REPEATED else ""
        about += f"  ({len(line.steps)} times{often}, last at {_since(start, line.last)})"
    if line.is_likely:
        about += "  (probably: same network, shortly before)"
    return f"  {_since(start, step)}  {what}{about}\n"


def _since(start: datetime, step: FlowStep) -> str:
    seconds = (step.recorded_at - start) // timedelta(seconds=1)
    return f"+{seconds // 3600}:{seconds % 3600 // 60:02}:{seconds % 60:02}"


def _end(story: ConnectionAttempt, meanings: Explanations) -> str:
    reached, refused = story.last_taken, story.last_refusal
    lines = [f"Last step reached: {'none' if reached is None else meanings.steps[reached.step].done}\n"]
    if refused is not None:
        lines.append(f"It stopped at: {refused.description or refused.reason}\n")
        lines.append(f"What the client does: {meanings.client_does(refused)}\n")
        lines.append(f"What to do: {meanings.remedy(refused)}\n")
    elif reached is not None and reached.step is not Step.CALLED:
        lines.append(f"Nothing was refused. {meanings.steps[reached.step].waits_for}\n")
    if any((step.client_id or "").startswith("https://") for step in story.steps):
        lines.append(_OF_MANY)
    return "".join(lines)


_OF_MANY = (
    "Many people have this client in common, so what its own servers did for this person is told only where they came "
    "from the same network.\n"
)


def _as_json(stories: ConnectionAttempts, meanings: Explanations) -> str:
    described = {
        "stories": [_described(story, meanings) for story in stories.told],
        "more": stories.more,
        "more_are_counted": stories.are_counted,
    }
    return json.dumps(described, indent=2) + "\n"


def _described(story: ConnectionAttempt, meanings: Explanations) -> dict[str, object]:
    refused, reached = story.last_refusal, story.last_taken
    return {
        "flow_id": story.flow_id,
        "is_cut": story.is_cut,
        "steps": [_described_line(line) for line in _lines(story)],
        "last_step_reached": None if reached is None else reached.step,
        "stopped_at": None if refused is None else refused.reason,
        "client_does": None if refused is None else meanings.client_does(refused),
        "mend": None if refused is None else meanings.remedy(refused),
    }


def _described_line(line: _Line) -> dict[str, object]:
    fields = ("flow_id", "step", "reason", "error", "description", "client_id", "resource", "grant_id")
    given = {name: getattr(line.last, name) for name in fields}
    return {
        "recorded_at": line.first.recorded_at.isoformat(),
        **{name: value for name, value in given.items() if value is not None},
        "times": len(line.steps),
        "last_recorded_at": line.last.recorded_at.isoformat(),
        "request_ids": [step.request_id for step in line.steps if step.request_id is not None],
        "probably": line.is_likely,
    }
