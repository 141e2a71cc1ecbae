"""The meaning of a cmdlet with its parameters: a table whose first matching row names the case.

Every verb of a row is combined with every noun. The calls that matter follow Microsoft's own lists of cmdlets
to review, public detection rules and advisories.
"""

from __future__ import annotations

from typing import NamedTuple


class Case(NamedTuple):
    """One meaning: the cmdlets that may have it, and the parameters of which one must be given.

    ``value`` is a pattern for the whole value of that parameter, ignoring case; without it any value but
    ``$null`` matches.
    """

    name: str
    verbs: str
    nouns: str
    parameters: str = ""
    value: str = ""

    @property
    def cmdlets(self) -> list[str]:
        """Return the cmdlets by name; without verbs the nouns are their names."""
        verbs = self.verbs.split()
        return [f"{verb}-{noun}" for verb in verbs for noun in self.nouns.split()] or self.nouns.split()


_YES, _NO = r"\$?true|1", r"\$?false|0"
_SCRIPT = r".*(?:<\s*script|<%|javascript:|eval\s*\().*"
_PAGE = r".*\.(?:aspx|ashx|asmx|asp)\W*"
_PAGE_OR_SELF = _PAGE + r"|\\\\(?:localhost|127\.0\.0\.1|\[?::1\]?)\\.*"
_MAILBOX_ROLE = r".*(?:mailbox\s*import\s*export|applicationimpersonation).*"

# fmt: off
CASES = (
    #    case                     verbs                     nouns, parameters (one of them), their value
    Case("EXPORT-TO-PAGE",             "New",                    "MailboxExportRequest", "FilePath", _PAGE_OR_SELF),
    Case("MAILBOX-EXPORT",             "New Resume Set",         "MailboxExportRequest"),
    Case("MAILBOX-EXPORT-REMOVED",     "Remove",                 "MailboxExportRequest"),
    Case("MAILBOX-IMPORT",             "New",                    "MailboxImportRequest"),
    Case("MAILBOX-ROLE-ASSIGNED",      "New Set",                "ManagementRoleAssignment", "Role", _MAILBOX_ROLE),
    Case("ROLE-ASSIGNMENT",            "New Set Remove",         "ManagementRoleAssignment"),
    Case("ROLE-CHANGE",                "New Set Remove",         "ManagementRole RoleGroup ManagementScope"),
    Case("ROLE-CHANGE",                "Add Set Remove",         "ManagementRoleEntry"),
    Case("ROLE-CHANGE",                "New Set",                "RoleAssignmentPolicy"),
    Case("ROLE-GROUP-MEMBER",          "Add Update",             "RoleGroupMember"),
    Case("ROLE-GROUP-MEMBER-REMOVED",  "Remove",                 "RoleGroupMember"),
    Case("FULL-ACCESS",                "Add",                    "MailboxPermission", "AccessRights", r".*full\s*access.*"),
    Case("MAILBOX-PERMISSION",         "Add Remove",             "MailboxPermission"),
    Case("SEND-AS",                    "Add",                    "RecipientPermission"),
    Case("DIRECTORY-PERMISSION",       "Add Remove",             "ADPermission"),
    Case("FOLDER-PERMISSION",          "Add Set",                "MailboxFolderPermission"),
    Case("MAILBOX-FORWARDING",         "Set",                    "Mailbox RemoteMailbox MailUser", "ForwardingSmtpAddress ForwardingAddress"),
    Case("AUDIT-OFF",                  "Set",                    "Mailbox", "AuditEnabled", _NO),
    Case("AUDIT-CHANGE",               "Set",                    "Mailbox", "AuditOwner AuditDelegate AuditAdmin"),
    Case("SEND-ON-BEHALF",             "Set",                    "Mailbox RemoteMailbox", "GrantSendOnBehalfTo"),
    Case("MAILBOX-HIDDEN",             "Set",                    "Mailbox RemoteMailbox", "HiddenFromAddressListsEnabled", _YES),
    Case("INBOX-RULE-FORWARD",         "New Set Enable",         "InboxRule", "ForwardTo RedirectTo ForwardAsAttachmentTo"),
    Case("INBOX-RULE-HIDE",            "New Set Enable",         "InboxRule", "DeleteMessage", _YES),
    Case("INBOX-RULE-HIDE",            "New Set Enable",         "InboxRule", "MoveToFolder SoftDeleteMessage"),
    Case("INBOX-RULE",                 "New Set Enable Remove Disable","InboxRule"),
    Case("INBOX-RULE",                 "",                       "UpdateInboxRules"),
    Case("TRANSPORT-RULE-COPY",        "New Set",                "TransportRule", "BlindCopyTo CopyTo RedirectMessageTo AddToRecipients"),
    Case("TRANSPORT-RULE",             "New Set Enable",         "TransportRule"),
    Case("TRANSPORT-RULE-REMOVED",     "Remove Disable",         "TransportRule"),
    Case("JOURNAL",                    "New Set Enable",         "JournalRule"),
    Case("JOURNAL",                    "Set New",                "MailboxDatabase", "JournalRecipient"),
    Case("JOURNAL-REMOVED",            "Remove Disable",         "JournalRule"),
    Case("AUTO-FORWARD-ALLOWED",       "New Set",                "RemoteDomain", "AutoForwardEnabled", _YES),
    Case("TRANSPORT-AGENT",            "Install Enable",         "TransportAgent"),
    Case("TRANSPORT-AGENT-CHANGE",     "Set Uninstall Disable",  "TransportAgent"),
    Case("CONNECTOR",                  "New Set Remove",         "ReceiveConnector SendConnector"),
    Case("CONNECTOR",                  "New Set",                "InboundConnector OutboundConnector"),
    Case("OAB-SCRIPT",                 "Set New",                "OabVirtualDirectory", "ExternalUrl InternalUrl", _SCRIPT),
    Case("VIRTUAL-DIRECTORY",          "Set New Remove",         "OabVirtualDirectory OwaVirtualDirectory EcpVirtualDirectory ActiveSyncVirtualDirectory MapiVirtualDirectory WebServicesVirtualDirectory AutodiscoverVirtualDirectory PowerShellVirtualDirectory"),
    Case("VIRTUAL-DIRECTORY",          "Set",                    "OutlookAnywhere"),
    Case("CERTIFICATE-PAGE",           "New Export",             "ExchangeCertificate", "RequestFile FileName", _PAGE),
    Case("CERTIFICATE-EXPORT",         "Export",                 "ExchangeCertificate"),
    Case("CERTIFICATE",                "New Import Enable Remove","ExchangeCertificate"),
    Case("MAILBOX-SEARCH-DELETE",      "Search",                 "Mailbox", "DeleteContent"),
    Case("MAILBOX-SEARCH-CONTENT",     "Search",                 "Mailbox"),
    Case("MAILBOX-SEARCH",             "New Set Start",          "MailboxSearch"),
    Case("MAILBOX-SEARCH",             "New Start",              "ComplianceSearch"),
    Case("MAIL-PURGE",                 "New",                    "ComplianceSearchAction", "Purge"),
    Case("AUDIT-LOG-OFF",              "Set",                    "AdminAuditLogConfig", "AdminAuditLogEnabled UnifiedAuditLogIngestionEnabled", _NO),
    Case("AUDIT-CONFIGURATION",        "Set",                    "AdminAuditLogConfig"),
    Case("AUDIT-BYPASS",               "Set",                    "MailboxAuditBypassAssociation"),
    Case("AUDIT-SEARCH",               "Search",                 "AdminAuditLog MailboxAuditLog UnifiedAuditLog"),
    Case("AUDIT-SEARCH",               "New",                    "AdminAuditLogSearch MailboxAuditLogSearch"),
    Case("PROTECTION-REMOVED",         "Remove Disable",         "AntiPhishRule"),
    Case("PROTECTION-REMOVED",         "Remove",                 "AntiPhishPolicy"),
    Case("PROTECTION-REMOVED",         "Disable Remove",         "SafeLinksRule SafeAttachmentRule"),
    Case("MALWARE-FILTER-REMOVED",     "Remove Disable",         "MalwareFilterRule"),
    Case("MALWARE-FILTER-REMOVED",     "Remove",                 "MalwareFilterPolicy"),
    Case("DKIM-OFF",                   "Set",                    "DkimSigningConfig", "Enabled", _NO),
    Case("DLP-REMOVED",                "Remove",                 "DlpPolicy"),
    Case("ACCEPTED-DOMAIN",            "New Set Remove",         "AcceptedDomain"),
    Case("ACCEPTED-DOMAIN",            "Add Remove",             "FederatedDomain"),
    Case("ACCEPTED-DOMAIN",            "New",                    "FederationTrust"),
    Case("PIPELINE-TRACING",           "Set",                    "TransportService TransportServer MailboxTransportService", "PipelineTracingEnabled", _YES),
    Case("WIDE-CONFIGURATION",         "Set",                    "TransportConfig MailboxDatabase OrganizationConfig AuthConfig"),
    Case("SERVICE-STOPPED",            "Dismount",               "Database"),
    Case("SERVICE-STOPPED",            "Suspend",                "MailboxDatabaseCopy"),
    Case("SERVICE-STOPPED",            "Stop",                   "DatabaseAvailabilityGroup"),
    Case("LOOK-ROUND",                 "Get",                    "Mailbox Recipient ExchangeServer MailboxPermission InboxRule ManagementRoleAssignment User GlobalAddressList"),
    Case("MAILBOX-MADE",               "New Enable",             "Mailbox RemoteMailbox MailUser"),
    Case("MAILBOX-REMOVED",            "Remove Disable",         "Mailbox"),
    Case("MAILBOX-REMOVED",            "Remove",                 "RemoteMailbox MailUser"),
    Case("PASSWORD-CHANGE",            "Set",                    "Mailbox User MailUser", "Password NewPassword"),
)
# fmt: on
