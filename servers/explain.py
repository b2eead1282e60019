"""mcp-auth explain: the story of one attempt to connect, from what has been written down of it."""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from oauth.flows import KEPT, TOGETHER, FlowStep, Step
from oauth.stores.database import check_revision
from oauth.stores.opening import open_database, store_on
from oauth.stores.ports import FlowsSought, Store
from oauth.stores.tables import REVISION
from servers import explanations
from servers.command import database_settings
from servers.explanations import Explanations
from servers.loading import UnusableSettings

_MOST = 500


@dataclass(frozen=True, slots=True)
class Story:
    """steps: oldest first. likely: those that only come from the same network, shortly before."""

    steps: tuple[FlowStep, ...]
    likely: frozenset[FlowStep]

    @property
    def last_taken(self) -> FlowStep | None:
        """How far it came."""
        return next((step for step in reversed(self.steps) if step.reason is None), None)

    @property
    def last_refusal(self) -> FlowStep | None:
        """What stopped it, unless it went on after that."""
        order = list(Step)
        for step in reversed(self.steps):
            if step.reason is not None:
                return step
            # What comes before it in every attempt, such as reading metadata again, is no way past it.
            refused = [each for each in self.steps if each.reason is not None]
            if not refused or order.index(step.step) >= order.index(refused[-1].step):
                return None
        return None


async def explain(name: str, *, as_json: bool) -> None:
    """Write the story of a flow, request, client or grant to standard output. UnusableSettings when there is none."""
    database = await open_database(database_settings().database_url)
    try:
        await check_revision(database, REVISION)
        story = await story_of(name, store_on(database))
    finally:
        await database.close()
    if story is None:
        raise UnusableSettings(
            f"Nothing is known of {name}. It takes the id of a flow (fl_…), a request, a client or a grant. What "
            f"happens is written down within a second or two, and kept for {KEPT.days} days."
        )
    meanings = explanations.load()
    sys.stdout.write(_as_json(story, meanings) if as_json else told(story, meanings))


async def story_of(name: str, store: Store) -> Story | None:
    """All that belongs to what is called so; None when there is nothing."""
    named = FlowsSought(flow_ids=[name], request_ids=[name], client_ids=[name], grant_ids=[name])
    found = await store.flow_steps(named, _MOST)
    if not found:
        return None
    own = await store.flow_steps(_belonging_to(found), _MOST)
    before = FlowsSought(
        networks={step.network for step in own if step.network is not None},
        between=(own[0].recorded_at - TOGETHER, own[0].recorded_at),
    )
    likely = [
        step
        for step in await store.flow_steps(before, _MOST)
        if step not in own and step.client_id in {None, *_clients(own)}
    ]
    steps = sorted([*own, *likely], key=lambda step: step.recorded_at)
    return Story(tuple(steps), frozenset(likely))


def told(story: Story, meanings: Explanations) -> str:
    """In sentences, oldest first; at the end how far it came, and what to do."""
    first = story.steps[0].recorded_at
    lines = [_line(step, step.recorded_at - first, meanings, likely=step in story.likely) for step in story.steps]
    flows = ", ".join(dict.fromkeys(step.flow_id for step in story.steps if step not in story.likely))
    head = f"Flow {flows}, from {first.isoformat(timespec='seconds')}\n\n"
    return head + "".join(lines) + "\n" + _end(story, meanings)


def _belonging_to(found: Sequence[FlowStep]) -> FlowsSought:
    """The same flows and grants, and clients that registered themselves: a published one is many people's."""
    return FlowsSought(
        flow_ids={step.flow_id for step in found},
        grant_ids={step.grant_id for step in found if step.grant_id is not None},
        client_ids=[client_id for client_id in _clients(found) if client_id.startswith("client_")],
    )


def _clients(steps: Sequence[FlowStep]) -> set[str]:
    return {step.client_id for step in steps if step.client_id is not None}


def _line(step: FlowStep, since: timedelta, meanings: Explanations, *, likely: bool) -> str:
    seconds = int(since.total_seconds())
    at = f"+{seconds // 3600}:{seconds % 3600 // 60:02}:{seconds % 60:02}"
    meaning = meanings.steps[step.step]
    what = meaning.done
    if step.reason is not None:
        answered = step.reason if step.error is None else f"{step.error}, {step.reason}"
        what = f"{meaning.refused}: {step.description or step.reason} ({answered})"
    named = (("client", step.client_id), ("resource", step.resource))
    about = "".join(f"  {name} {value}" for name, value in named if value is not None)
    return f"  {at}  {what}{about}{'  (probably: same network, shortly before)' if likely else ''}\n"


def _end(story: Story, meanings: Explanations) -> str:
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


def _as_json(story: Story, meanings: Explanations) -> str:
    steps = [_described(step, likely=step in story.likely) for step in story.steps]
    refused, reached = story.last_refusal, story.last_taken
    described: dict[str, Any] = {
        "flow_ids": list(dict.fromkeys(step.flow_id for step in story.steps if step not in story.likely)),
        "steps": steps,
        "last_step_reached": None if reached is None else reached.step,
        "stopped_at": None if refused is None else refused.reason,
        "client_does": None if refused is None else meanings.client_does(refused),
        "mend": None if refused is None else meanings.remedy(refused),
    }
    return json.dumps(described, indent=2) + "\n"


def _described(step: FlowStep, *, likely: bool) -> dict[str, object]:
    fields = ("flow_id", "step", "reason", "error", "description", "client_id", "resource", "request_id", "grant_id")
    given = {name: getattr(step, name) for name in fields}
    return {
        "recorded_at": step.recorded_at.isoformat(),
        **{name: value for name, value in given.items() if value is not None},
        **({"probably": True} if likely else {}),
    }
