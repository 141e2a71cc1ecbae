"""Health mailboxes and probes of Exchange's managed availability: left out of the events, or marked.

What a stranger can write must not hide anything, so that a row is noise only where every address in it
is a monitoring mailbox's, or where the server itself says so.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Mapping
from typing import Union

from exnorm import ColumnProcessor, Needed, Settings, SettingsError, Source, hookimpl, read_plugin_settings
from exnorm.convert import find_member, members
from exnorm.errors import quote, suggest

name = "noise"
"""What the plugin is called where it is given in Python."""

Decision = Union[Mapping[str, str], None]

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
USERS = {
    "http_proxy": ("AuthenticatedUser",),
    "iis": ("cs-username",),
    "imap_pop": ("user",),
    "ews": ("AuthenticatedUser", "ImpersonatedUser", "ActAsUser"),
    "rps_http": ("AuthenticatedUser",),
    "rps_cmdlet": ("AuthenticatedUser",),
}
AGENTS = {
    "http_proxy": ("UserAgent", "ClientIpAddress"),
    "iis": ("cs(User-Agent)", "c-ip", "s-ip"),
    "ews": ("UserAgent", "ClientIpAddress"),
    "rps_http": ("ClientInfo", "ClientIpAddress"),
}
# What became of it, where the event does not say so. A cmdlet is judged by what it does: health mailboxes
# read what servers do, and whoever has got hold of one looks round among users or changes something.
ANSWERS = {"ews": "answer", "rps_cmdlet": "case"}
READS = "READ"


@hookimpl
def record_processors(source: Source, settings: Settings) -> Iterable[ColumnProcessor]:
    """The steps for each log type that can hold noise; of two that mark a record, the later one counts."""
    given = read_plugin_settings(settings, "noise", DEFAULTS)
    if given["action"] not in ACTIONS:
        raise SettingsError(
            f"plugins: noise: action: got {quote(given['action'])}{suggest(str(given['action']), ACTIONS)}"
        )
    judge = Judge(given["mailboxes"], given["user_agents"], drops=given["action"] == "drop")
    if source.name in MAIL:
        yield judge.of_mail(*MAIL[source.name])
        yield judge.of_probe_mail()
    answer = ANSWERS.get(source.name, source.event_column)
    if source.name in AGENTS:
        yield judge.of_probes(answer, *AGENTS[source.name])
    if source.name in USERS:
        is_harmless = _only_reads if answer == "case" else _is_harmless
        yield judge.of_users(answer, is_harmless, *USERS[source.name])


class Judge:
    """Makes the processors that say what is noise; each looks at no more columns than it needs."""

    def __init__(self, mailboxes: Iterable[object], user_agents: Iterable[object], *, drops: bool) -> None:
        known = [str(mailbox).lower() for mailbox in mailboxes]
        self._addresses = frozenset(mailbox for mailbox in known if "@" in mailbox)
        self._beginnings = tuple(mailbox for mailbox in known if "@" not in mailbox)
        self._user_agents = tuple(str(agent).lower() for agent in user_agents)
        self._drops = drops

    def of_mail(self, sender: str, recipients: str) -> ColumnProcessor:
        """Mail of which every party is a monitoring mailbox."""

        def judge(sent_by: str, sent_to: str) -> Decision:
            parties = [sent_by, *members(sent_to.removesuffix(";"))]
            return self._decide("monitoring mailbox", all(map(self._is_monitoring, parties)))

        return ColumnProcessor(
            (sender, recipients), judge, (Needed(recipients, (sender,), self._is_monitoring),)
        )

    def of_probe_mail(self) -> ColumnProcessor:
        """Mail that the server itself calls a probe."""

        def judge(custom: str) -> Decision:
            return self._decide("probe mail", find_member(custom, "IsProbe").lower() == "true")

        return ColumnProcessor(("custom-data",), judge, (Needed("custom-data", holds="IsProbe"),))

    def of_users(
        self, answer: str, is_harmless: Callable[[str], bool], user: str, *mailboxes: str
    ) -> ColumnProcessor:
        """What a monitoring mailbox does in no other's name, where that is harmless."""

        def judge(account: str, *named: str) -> Decision:
            parties = (account, *filter(None, named))
            return self._decide("monitoring mailbox", all(map(self._is_monitoring, parties)))

        needed = (
            Needed(user, (answer,), is_harmless),
            *(Needed(one, (user,), self._is_monitoring) for one in mailboxes),
        )
        return ColumnProcessor((user, *mailboxes), judge, needed)

    def of_probes(self, event: str, agent: str, *addresses: str) -> ColumnProcessor:
        """Requests of a probe on the server itself, unless they were refused."""

        def judge(name: str, client: str, server: str = "") -> Decision:
            is_near = _is_loopback(client) or bool(server and client and client == server)
            return self._decide("probe request", self._is_probe(name) and is_near)

        needed = (
            Needed(agent, (event,), _is_harmless),
            *(Needed(one, (agent,), self._is_probe) for one in addresses),
        )
        return ColumnProcessor((agent, *addresses), judge, needed)

    def _decide(self, word: str, is_noise: bool) -> Decision:
        if not is_noise:
            return {}
        return None if self._drops else {MARK: word}

    def _is_monitoring(self, user: str) -> bool:
        """Whether an account (``DOMAIN\\user``) or an address is a monitoring mailbox's."""
        user = user.strip("<> ").lower()
        account = user.rpartition("\\")[2]
        return user in self._addresses or (bool(self._beginnings) and account.startswith(self._beginnings))

    def _is_probe(self, agent: str) -> bool:
        return bool(self._user_agents) and agent.lower().startswith(self._user_agents)


def _is_harmless(event: str) -> bool:
    return event.upper() not in REFUSED


def _only_reads(case: str) -> bool:
    return case == READS


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address.partition("%")[0]).is_loopback
    except ValueError:
        return False
