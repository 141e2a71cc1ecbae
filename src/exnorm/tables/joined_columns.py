"""Read single facts from joined columns, for the tables used on request: agents' verdicts and errors.

``custom-data`` of message tracking is ``S:AGENT=KIND|key=value|key=value;S:...``, as Microsoft describes it
for message traces; ``GenericInfo`` of HttpProxy is ``S:key=value;S:key=value``. A value is read only from the
member of the agent that writes it, so text that a sender placed elsewhere in the column is not taken for it.
No document says which agent writes ``CompAuth``: it is taken from any of them, the spam filter first.
"""

from __future__ import annotations

from collections.abc import Iterator

from exnorm.convert import members

SPAM_FILTER = "SFA"
# fmt: off
VERDICTS = {
    #                agent: the pairs that are its verdict
    SPAM_FILTER:     ("SFV", "SCL", "BCL", "PCL", "IPV", "DI"),
    "AMA":           ("v", "action", "name", "file", "engine"),
    "TRA":           ("ruleId", "action", "mode"),
    "DPA":           ("ruleId", "action", "mode"),
}
# fmt: on
"""By the agent of a member of ``custom-data``, the keys that say what it found and did."""
_NO_FINDING = {"AMA": ("v", "0")}
_FAULTS = ("error", "exception")
_LEVELS = {str(level): level for level in range(-1, 10)}  # -1: the spam filter was passed by
_LONGEST_KEY = 64  # characters; a longer one is no key


def scl(custom_data: str) -> int | None:
    """Return the spam confidence level, as the spam filter agent wrote it."""
    return _level(custom_data, "SCL")


def bcl(custom_data: str) -> int | None:
    """Return the bulk complaint level, as the spam filter agent wrote it."""
    return _level(custom_data, "BCL")


def comp_auth(custom_data: str) -> str | None:
    """Return the result of composite authentication: ``pass``, ``fail``, ``softpass`` or ``none``."""
    return _find(custom_data, tuple(VERDICTS), "CompAuth") or None


def agent_verdicts(custom_data: str) -> str | None:
    """Return what each agent found and did, ``SFA SFV=SPM|SCL=9; AMA v=1|action=b``, without agents that
    found nothing.
    """
    found = []
    for agent, pairs in _agents(custom_data):
        said = [(key, value) for key, value in pairs if value and _is_in(key, VERDICTS[agent])]
        if said and _NO_FINDING.get(agent) not in said:
            found.append(f"{agent} " + "|".join(f"{key}={value}" for key, value in said))
    return "; ".join(found) or None


def faults(generic_info: str) -> str | None:
    """Return the members whose name contains a word for an error or exception, in their order."""
    found = []
    for item in members(generic_info):
        key, equal, value = item.partition("=")
        name = key.rpartition(":")[2]
        if equal and value and len(name) <= _LONGEST_KEY and any(word in name.lower() for word in _FAULTS):
            found.append(f"{name}={value}")
    return "; ".join(found) or None


def _level(custom_data: str, name: str) -> int | None:
    return _LEVELS.get(_find(custom_data, (SPAM_FILTER,), name))


def _agents(custom_data: str) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    for item in members(custom_data):
        name, _, text = item.partition("=")
        agent = name.rpartition(":")[2].strip().upper()
        if agent in VERDICTS:
            parts = (part.partition("=") for part in text.split("|"))
            yield agent, [(key.strip(), value.strip()) for key, equal, value in parts if equal]


def _is_in(key: str, keys: tuple[str, ...]) -> bool:
    return key.lower() in (each.lower() for each in keys)


def _find(custom_data: str, agents: tuple[str, ...], wanted: str) -> str:
    for agent, pairs in _agents(custom_data):
        if agent in agents:
            for key, value in pairs:
                if key.lower() == wanted.lower():
                    return value
    return ""
