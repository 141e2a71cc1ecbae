"""Events that match published attacks on Exchange: marked, raised in severity, with the ATT&CK technique.

``RULES`` is the table: each rule says where its facts were published, and has a sample that must match and
one that must not. A rule matches where every pattern it has is found; text is looked at in lower case, URLs
decoded twice, as servers behind a proxy do. What is found is a hint for a person, never a verdict: nothing is
left out and no field is changed but the severity, which is only ever raised.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from urllib.parse import unquote

from exnorm import Event, Record, Settings, Source, Taxonomy, hookimpl

name = "attack"
"""What the plugin is called where it is given in Python."""

FRAMEWORK = "MITRE ATT&CK"
LONGEST = 8192  # characters of a text that are looked at

# Which column, or derived value, of each log holds what rules look at.
PARTS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "iis": {
        "method": ("cs-method",), "url": ("cs-uri-stem", "cs-uri-query"), "agent": ("cs(User-Agent)",),
        "user": ("cs-username",), "cookie": ("cs(Cookie)",), "status": ("sc-status",),
    },
    "http_proxy": {
        "method": ("Method",), "url": ("UrlStem", "UrlQuery"), "agent": ("UserAgent",),
        "user": ("AuthenticatedUser",), "cookie": ("GenericInfo",), "status": ("HttpStatus",),
        "anchor": ("AnchorMailbox",),
    },
    "httperr": {"method": ("cs-method",), "url": ("cs-uri",), "agent": ("cs(User-Agent)",), "status": ("sc-status",)},
    "rps_http": {
        "method": ("method",), "url": ("UrlStem", "UrlQuery"), "agent": ("ClientInfo",),
        "user": ("AuthenticatedUser",), "status": ("HttpStatus",),
    },
    "ews": {"agent": ("UserAgent",), "user": ("AuthenticatedUser",), "status": ("HttpStatus",)},
    "ecp_server": {"url": ("url",), "cmdlet": ("event",), "parameters": ("command",), "case": ("case",)},
    "rps_cmdlet": {
        "cmdlet": ("Cmdlet",), "parameters": ("Parameters",), "case": ("case",), "error": ("GenericErrors",),
    },
    "admin_audit": {
        "cmdlet": ("Cmdlet",), "parameters": ("Parameters",), "case": ("case",), "error": ("error",),
    },
    "audit_export": {
        "cmdlet": ("event",), "parameters": ("parameters",), "case": ("case",), "error": ("reason",),
    },
}  # fmt: skip

Texts = Mapping[str, str]
Patterns = Mapping[str, "str | tuple[str, ...]"]


@dataclass(frozen=True)
class Rule:
    """One published pattern.

    ``needs`` are patterns by part, one or several, that must all be found, ``unless`` ones of which none may be;
    ``match`` and ``other`` are samples by part. ``source`` is where the facts are published.
    """

    name: str
    title: str
    severity: int
    technique: str
    needs: Patterns
    match: Texts
    other: Texts
    source: str
    unless: Patterns = field(default_factory=dict)


# Pages that Exchange itself has under /owa/auth and /ecp/auth.
_SHIPPED = (
    "logon|logoff|error|errorfe|errorpage|expiredpassword|frowny|outlookcn|redirsuiteserviceproxy|signout|"
    "timeoutlogout|casredirect|owafont|svmfeedback|preload"
)
_BACK_END = r"(?:powershell|mapi/(?:nspi|emsmdb)|ews/|x-rps-cat|ecp/)"
_CVE = "https://msrc.microsoft.com/update-guide/vulnerability/"

# fmt: off
RULES = (
    Rule("proxylogon-ssrf", "ProxyLogon: request forged through AnchorMailbox", 9, "T1190",
        needs={"anchor": r"serverinfo~.*/"},
        unless={"user": r"."},
        match={"anchor": "ServerInfo~a]@ex01.example.test:444/autodiscover/autodiscover.xml?#", "user": ""},
        other={"anchor": "ServerInfo~ex01.example.test:444/mapi", "user": "EXAMPLE\\olga"},
        source=_CVE + "CVE-2021-26855"),
    Rule("proxylogon-resource", "ProxyLogon: POST to a static resource", 8, "T1190",
        needs={"method": r"^post$", "url": r"^/(?:owa/auth/|ecp/)[^?]*\.(?:js|css|gif|png|ico|eot|woff|flt|svg)(?:$|\?)"},
        match={"method": "POST", "url": "/owa/auth/Current/themes/resources/logon.css"},
        other={"method": "GET", "url": "/owa/auth/Current/themes/resources/logon.css"},
        source="https://www.microsoft.com/en-us/security/blog/2021/03/02/hafnium-targeting-exchange-servers/"),
    Rule("proxylogon-ecp-back-end", "ProxyLogon: /ecp/ resource with a back end in its query", 9, "T1190",
        needs={"url": (r"^/ecp/[^?]*\.js\?", r"[~@]", r":44[34]/")},
        match={"url": "/ecp/y.js?~1941962753]@ex01:444/mapi/emsmdb"},
        other={"url": "/ecp/15.2.1544.4/scripts/js.js?v=1"},
        source=_CVE + "CVE-2021-26855"),
    Rule("proxylogon-oab", "ProxyLogon: offline address book directory changed through the admin center", 8, "T1190",
        needs={"url": (r"/ecp/", r"ddiservice\.svc/(?:set|new|get)object", r"schema=(?:reset)?oabvirtualdirectory")},
        match={"url": "/ecp/DDI/DDIService.svc/SetObject?msExchEcpCanary=x&schema=ResetOABVirtualDirectory"},
        other={"url": "/ecp/DDI/DDIService.svc/GetList?schema=MailboxService"},
        source=_CVE + "CVE-2021-27065"),
    Rule("oab-script", "Web shell in the URL of a virtual directory", 10, "T1505.003",
        needs={"case": r"^oab-script$"},
        match={"case": "OAB-SCRIPT"}, other={"case": "VIRTUAL-DIRECTORY"},
        source=_CVE + "CVE-2021-27065"),
    Rule("export-to-page", "Web shell by export of a mailbox", 10, "T1505.003",
        needs={"case": r"^export-to-page$"},
        match={"case": "EXPORT-TO-PAGE"}, other={"case": "MAILBOX-EXPORT"},
        source="https://www.cisa.gov/news-events/alerts/2021/08/21/urgent-protect-against-active-exploitation-proxyshell-vulnerabilities"),
    Rule("certificate-page", "Web shell by certificate request", 10, "T1505.003",
        needs={"case": r"^certificate-page$"},
        match={"case": "CERTIFICATE-PAGE"}, other={"case": "CERTIFICATE"},
        source="https://github.com/SigmaHQ/sigma/tree/master/rules/windows/builtin/msexchange"),
    Rule("mailbox-export-right", "Right to export every mailbox given", 9, "T1098.003",
        needs={"case": r"^mailbox-role-assigned$"},
        match={"case": "MAILBOX-ROLE-ASSIGNED"}, other={"case": "ROLE-ASSIGNMENT"},
        source="https://www.cisa.gov/news-events/alerts/2021/08/21/urgent-protect-against-active-exploitation-proxyshell-vulnerabilities"),
    Rule("autodiscover-ssrf", "ProxyShell or ProxyNotShell: back end through autodiscover.json", 9, "T1190",
        needs={"url": (r"autodiscover\.json", r"@", _BACK_END)},
        match={"url": "/autodiscover/autodiscover.json?@example.test/mapi/nspi/?&Email=autodiscover/autodiscover.json%3F@example.test"},
        other={"url": "/autodiscover/autodiscover.json/v1.0/olga@example.test?Protocol=ActiveSync&RedirectCount=1"},
        source=_CVE + "CVE-2021-34473"),
    Rule("autodiscover-powershell", "ProxyNotShell: remote PowerShell through autodiscover.json", 9, "T1190",
        needs={"url": (r"autodiscover\.json", r"powershell")},
        match={"url": "/autodiscover/autodiscover.json?a..foo.var/owa/?&Email=autodiscover/autodiscover.json?a..foo.var&Protocol=XYZ&FooProtocol=Powershell"},
        other={"url": "/autodiscover/autodiscover.json?Email=olga@example.test&Protocol=EWS"},
        source=_CVE + "CVE-2022-41040"),
    Rule("rps-cat", "Access token for remote PowerShell in a query", 9, "T1190",
        needs={"url": r"[?&]x-rps-cat="},
        match={"url": "/Powershell?X-Rps-CAT=*****"},
        other={"url": "/Powershell?serializationLevel=Full;ExchClientVer=15.2"},
        source=_CVE + "CVE-2021-34523"),
    Rule("owassrf", "OWASSRF: remote PowerShell through Outlook on the web", 9, "T1190",
        needs={"url": r"^/owa/[^/?]*@[^/?]*/powershell"},
        match={"url": "/owa/mastermailbox%40outlook.com/powershell"},
        other={"url": "/owa/olga@example.test/?ae=Folder"},
        source=_CVE + "CVE-2022-41080"),
    Rule("proxytoken", "ProxyToken: admin center with a token that no front end checks", 8, "T1190",
        needs={"url": r"^/ecp/", "cookie": r"securitytoken="},
        match={"url": "/ecp/olga@example.test/RulesEditor/InboxRules.svc/NewObject", "cookie": "SecurityToken=x"},
        other={"url": "/ecp/default.aspx", "cookie": "ASP.NET_SessionId=1; msExchEcpCanary=2"},
        source=_CVE + "CVE-2021-33766"),
    Rule("proxytoken-query", "ProxyToken: admin center with a token in its query", 8, "T1190",
        needs={"url": r"^/ecp/.*[?&]securitytoken="},
        match={"url": "/ecp/olga@example.test/RulesEditor/InboxRules.svc/NewObject?SecurityToken=x"},
        other={"url": "/ecp/RulesEditor/InboxRules.svc/GetList"},
        source=_CVE + "CVE-2021-33766"),
    Rule("ecp-viewstate", "Code in the view state of the admin center", 9, "T1190",
        needs={"url": r"^/ecp/.*__viewstate="},
        match={"url": "/ecp/default.aspx?__VIEWSTATEGENERATOR=B97B4E27&__VIEWSTATE=/wEy"},
        other={"url": "/ecp/default.aspx?p=1"},
        source=_CVE + "CVE-2020-0688"),
    Rule("get-app-cast", "Deserialization in Get-App", 8, "T1210",
        needs={"cmdlet": r"^get-app$", "error": r"invalidcastexception"},
        match={"cmdlet": "Get-App", "error": "System.InvalidCastException: Unable to cast"},
        other={"cmdlet": "Get-App", "error": "ManagementObjectNotFoundException"},
        source=_CVE + "CVE-2021-42321"),
    Rule("web-shell-aspnet-client", "Page where Exchange has none: aspnet_client", 8, "T1505.003",
        needs={"url": r"^/aspnet_client/[^?]*\.(?:aspx?|ashx|asmx|asax)"},
        match={"url": "/aspnet_client/system_web/discover.aspx"},
        other={"url": "/aspnet_client/system_web/4_0_30319/WebUIValidation.js"},
        source="https://www.microsoft.com/en-us/security/blog/2021/03/25/analyzing-attacks-taking-advantage-of-the-exchange-server-vulnerabilities/"),
    Rule("web-shell-auth", "Page that Exchange does not ship under /owa/auth or /ecp/auth", 8, "T1505.003",
        needs={"url": r"^/(?:owa|ecp)/auth/(?:[^?]*/)?[^/?]+\.(?:aspx?|ashx|asmx)(?:$|[/?])"},
        unless={"url": r"^/(?:owa|ecp)/auth/(?:[^?]*/)?(?:" + _SHIPPED + r")\.aspx(?:$|\?)"},
        match={"url": "/owa/auth/HttpProxy.aspx?cmd=whoami"},
        other={"url": "/owa/auth/logon.aspx?replaceCurrent=1&url=https%3a%2f%2fmail.example.test%2fowa"},
        source="https://www.microsoft.com/en-us/security/blog/2021/03/25/analyzing-attacks-taking-advantage-of-the-exchange-server-vulnerabilities/"),
    Rule("traversal", "Path that leaves the web application", 7, "T1190",
        needs={"url": r"(?:^|[/\\])\.\.(?:[/\\]|%|$)"},
        match={"url": "/owa/..%2f..%2fweb.config"},
        other={"url": "/owa/auth/logon.aspx?url=https://mail.example.test/owa/"},
        source="https://attack.mitre.org/techniques/T1190/"),
    Rule("scanner", "Public scanner or shell client by its user agent", 7, "T1595.002",
        needs={"agent": r"nuclei|nikto|sqlmap|zgrab|masscan|nmap scripting|antsword|gobuster|dirbuster|\bffuf\b|wfuzz|wpscan|acunetix|nessus|openvas|l9explore|l9tcpid|exchangeservicesclient/0\.0\.0\.0|feroxbuster|httpx - open-source|burpcollaborator"},
        match={"agent": "Mozilla/5.0 (compatible; Nuclei - Open-source project)"},
        other={"agent": "ExchangeServicesClient/15.02.1544.004"},
        source="https://www.volexity.com/blog/2021/03/02/active-exploitation-of-microsoft-exchange-zero-day-vulnerabilities/"),
)
# fmt: on


# --- matching ------------------------------------------------------------------------------------


@lru_cache(maxsize=4096)
def plain(part: str, text: str) -> str:
    """A text as rules look at it: in lower case, a URL and a cookie decoded twice."""
    text = text[:LONGEST]
    if part in ("url", "cookie"):
        text = unquote(unquote(text))
    return text.lower()


def _compile(patterns: Patterns) -> list[tuple[str, re.Pattern[str]]]:
    return [
        (part, re.compile(pattern, re.DOTALL))
        for part, given in patterns.items()
        for pattern in ((given,) if isinstance(given, str) else given)
    ]


class Matcher:
    """Rules that can match where a log has their parts."""

    def __init__(self, parts: Iterable[str], rules: Iterable[Rule] = RULES) -> None:
        known = set(parts)
        self._rules = [
            (rule, _compile(rule.needs), _compile(rule.unless))
            for rule in rules
            if known >= rule.needs.keys()
        ]

    def find(self, read: Callable[[str], str]) -> Rule | None:
        """The gravest rule that matches; ``read`` gives the text of a part."""
        found: Rule | None = None
        for rule, needs, unless in self._rules:
            if found is not None and found.severity >= rule.severity:
                continue
            if all(pattern.search(plain(part, read(part))) for part, pattern in needs) and not any(
                pattern.search(plain(part, read(part))) for part, pattern in unless
            ):
                found = rule
        return found


def read_part(record: Record, columns: tuple[str, ...]) -> str:
    """The text of a part: a path and a query with their ``?``."""
    first, *rest = (record.get(column) for column in columns)
    query = next((text for text in rest if text), "")
    return first + (query if not query or query.startswith("?") else f"?{query}")


@hookimpl(trylast=True)
def event_processors(
    source: Source, taxonomy: Taxonomy, settings: Settings
) -> Iterable[Callable[[Event], Event | None]]:
    """One step for each log that can show an attack, behind those of plugins that rewrite events."""
    parts = PARTS.get(source.name)
    if parts is None:
        return
    matcher = Matcher(parts)
    fields = {one.name for one in taxonomy.fields}
    severity = next((one for one in ("severity", "sev") if one in fields), "")

    def mark(event: Event) -> Event:
        record = event.record
        rule = matcher.find(lambda part: read_part(record, parts[part]) if part in parts else "")
        if rule is None:
            return event
        if severity:
            before = event.fields.get(severity, 0)
            event.fields[severity] = max(before if isinstance(before, int) else 0, rule.severity)
        named = {"threatAttackID": rule.technique, "frameworkName": FRAMEWORK}
        for field_name, value in named.items():
            if field_name in fields:
                event.fields[field_name] = value
            else:
                event.additional[field_name] = value
        event.additional["attackRule"] = rule.name
        return event

    yield mark
