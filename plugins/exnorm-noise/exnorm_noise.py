"""Health mailboxes and probes of Exchange's managed availability: left out of the events, or marked.

What a stranger can write must not hide anything, so that a row is noise only where every address in it
is a monitoring mailbox's, or where the server itself says so.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable

from exnorm import Record, Settings, SettingsError, Source, hookimpl, read_plugin_settings
from exnorm.convert import find_member, members
from exnorm.errors import quote, suggest

name = "noise"
"""What the plugin is called where it is given in Python."""

MARK = "noise"
ACTIONS = ("drop", "mark")
DEFAULTS = {
    "action": "drop",
    "mailboxes": [
        "HealthMailbox",
        "extest_",
        "SystemMailbox",
        "inboundproxy@inboundproxy.com",
        "maildeliveryprobe@maildeliveryprobe.com",
    ],
    "user_agents": ["AMProbe", "MSExchangeMonitoring"],
}
REFUSED = frozenset(("LOGON-FAILURE", "ACCESS-DENIED", "AUTH-FAILURE"))
"""Events that somebody should look at, whoever is named in them."""

# By log type: where the sender and the recipients stand, or the user, the user agent and both addresses.
MAIL = {
    "message_tracking": ("sender-address", "recipient-address"),
    "agent_log": ("P1FromAddress", "Recipient"),
}
USERS = {"http_proxy": "AuthenticatedUser", "iis": "cs-username", "imap_pop": "user"}
AGENTS = {
    "http_proxy": ("UserAgent", "ClientIpAddress", ""),
    "iis": ("cs(User-Agent)", "c-ip", "s-ip"),
}


@hookimpl
def record_processors(source: Source, settings: Settings) -> Iterable[Callable[[Record], Record | None]]:
    """One step for each log type that can hold noise."""
    given = read_plugin_settings(settings, "noise", DEFAULTS)
    if given["action"] not in ACTIONS:
        raise SettingsError(
            f"plugins: noise: action: got {quote(given['action'])}{suggest(str(given['action']), ACTIONS)}"
        )
    if source.name not in MAIL and source.name not in USERS:
        return
    judge = Judge(source.name, given["mailboxes"], given["user_agents"])

    def leave_out(record: Record) -> Record | None:
        return None if judge.find_noise(record) else record

    def mark(record: Record) -> Record:
        noise = judge.find_noise(record)
        if noise:
            record.marks[MARK] = noise
        return record

    yield leave_out if given["action"] == "drop" else mark


class Judge:
    """Says of the records of one log type whether they are noise."""

    def __init__(self, source: str, mailboxes: Iterable[object], user_agents: Iterable[object]) -> None:
        self._mail = MAIL.get(source)
        self._user = USERS.get(source, "")
        self._agent = AGENTS.get(source)
        known = [str(mailbox).lower() for mailbox in mailboxes]
        self._addresses = frozenset(mailbox for mailbox in known if "@" in mailbox)
        self._beginnings = tuple(mailbox for mailbox in known if "@" not in mailbox)
        self._user_agents = tuple(str(agent).lower() for agent in user_agents)

    def find_noise(self, record: Record) -> str:
        """What kind of noise a record is; empty where it is none."""
        if self._mail is not None:
            return self._find_in_mail(record, *self._mail)
        if record.event_id in REFUSED:
            return ""
        if self._user and self._is_monitoring(record.get(self._user)):
            return "monitoring mailbox"
        return "probe request" if self._agent and self._is_probe(record, *self._agent) else ""

    def _find_in_mail(self, record: Record, sender: str, recipients: str) -> str:
        if find_member(record.get("custom-data"), "IsProbe").lower() == "true":
            return "probe mail"
        parties = [record.get(sender), *members(record.get(recipients).removesuffix(";"))]
        return "monitoring mailbox" if all(map(self._is_monitoring, parties)) else ""

    def _is_monitoring(self, user: str) -> bool:
        """Whether an account (``DOMAIN\\user``) or an address is a monitoring mailbox's."""
        user = user.strip("<> ").lower()
        account = user.rpartition("\\")[2]
        return user in self._addresses or (bool(self._beginnings) and account.startswith(self._beginnings))

    def _is_probe(self, record: Record, agent: str, client: str, server: str) -> bool:
        if not self._user_agents or not record.get(agent).lower().startswith(self._user_agents):
            return False
        address = record.get(client)
        return _is_loopback(address) or bool(server and address and address == record.get(server))


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address.partition("%")[0]).is_loopback
    except ValueError:
        return False
