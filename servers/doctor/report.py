"""Findings, for people and for programs."""

import json
from collections.abc import Sequence

from servers.doctor.findings import Finding, Level

_MARK = {Level.OK: "ok     ", Level.WARNING: "WARNING", Level.FAULT: "FAULT  "}


def text(target: str, clients: Sequence[str], findings: Sequence[Finding]) -> str:
    """One line a check; below what is wrong, what clients do and how to mend it; and a sentence at the end."""
    lines = [f"{target}\nas {', '.join(clients)}\n\n"]
    for each in findings:
        concerned = f"  [{', '.join(each.clients)}]" if each.clients else ""
        pitfall = f"  ({each.pitfall})" if each.pitfall else ""
        lines.append(_printable(f"{_MARK[each.level]}  {each.check}: {each.says}{concerned}{pitfall}"))
        if each.level is not Level.OK:
            lines.append(_printable(f"             The client: {each.client_does}"))
            lines.append(_printable(f"             Mend it: {each.mend}"))
    faults = sum(each.level is Level.FAULT for each in findings)
    warnings = sum(each.level is Level.WARNING for each in findings)
    lines.append(f"\n{_count(faults, 'fault')}, {_count(warnings, 'warning')}.\n")
    return "".join(lines)


def as_json(target: str, clients: Sequence[str], findings: Sequence[Finding]) -> str:
    """One object."""
    described = [
        {
            "check": each.check,
            "level": each.level,
            "says": each.says,
            "client_does": each.client_does,
            "mend": each.mend,
            "clients": list(each.clients or clients),
            "pitfall": each.pitfall or None,
        }
        for each in findings
    ]
    sound = not any(each.level is Level.FAULT for each in findings)
    return (
        json.dumps({"target": target, "clients": list(clients), "sound": sound, "findings": described}, indent=2) + "\n"
    )


def _printable(line: str) -> str:
    """What a server says goes to a terminal: it cannot draw there."""
    return "".join(each if each.isprintable() else "�" for each in line) + "\n"


def _count(number: int, noun: str) -> str:
    return f"{number or 'no'} {noun}{'' if number == 1 else 's'}"
