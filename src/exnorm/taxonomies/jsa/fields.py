"""The vocabulary of JSA (Juniper Secure Analytics, the same software as IBM QRadar).

The four normalized fields bear the labels of the JSA guide's table "JSA field name"; every other
label is the attribute's own name in the LEEF guide. The header fields stand in the LEEF header.
Those under "custom" (``senderAddress``, ``userAgent``, ...) are custom attributes: LEEF allows any single
word of letters and digits that it does not use itself.
"""

from __future__ import annotations

from exnorm.model import Field, Taxonomy

# fmt: off
JSA = Taxonomy("jsa", "JSA", default_format="leef", fields=(
    # LEEF header
    Field("Vendor",           "vendor",           "vendor",           "text",       0, 1),
    Field("Product",          "product",          "product",          "text",       0, 2),
    Field("Version",          "version",          "version",          "text",       0, 3),
    Field("Event ID",         "eventId",          "eventId",          "text",     255, 4),
    # normalized by JSA
    Field("Username",         "usrName",          "usrName",          "text",     255),
    Field("Source IP",        "src",              "src",              "ip"),
    Field("Destination IP",   "dst",              "dst",              "ip"),
    Field("cat",              "cat",              "cat",              "text"),
    Field("devTime",          "devTime",          "devTime",          "time"),
    Field("srcPreNAT",        "srcPreNAT",        "srcPreNAT",        "ip"),
    Field("proto",            "proto",            "proto",            "text"),
    Field("sev",              "sev",              "sev",              "integer"),
    Field("srcPort",          "srcPort",          "srcPort",          "integer"),
    Field("dstPort",          "dstPort",          "dstPort",          "integer"),
    # predefined, not normalized
    Field("vSrc",             "vSrc",             "vSrc",             "ip"),
    Field("vSrcName",         "vSrcName",         "vSrcName",         "text",     255),
    Field("accountName",      "accountName",      "accountName",      "text",     255),
    Field("srcBytes",         "srcBytes",         "srcBytes",         "integer"),
    Field("dstBytes",         "dstBytes",         "dstBytes",         "integer"),
    Field("role",             "role",             "role",             "text"),
    Field("realm",            "realm",            "realm",            "text"),
    Field("policy",           "policy",           "policy",           "text"),
    Field("resource",         "resource",         "resource",         "text"),
    Field("url",              "url",              "url",              "text"),
    Field("groupID",          "groupID",          "groupID",          "text"),
    Field("domain",           "domain",           "domain",           "text"),
    # custom
    Field("senderAddress",    "senderAddress",    "senderAddress",    "text"),
    Field("recipientAddress", "recipientAddress", "recipientAddress", "text"),
    Field("messageSubject",   "messageSubject",   "messageSubject",   "text"),
    Field("mailDirection",    "mailDirection",    "mailDirection",    "text"),
    Field("correlationId",    "correlationId",    "correlationId",    "text"),
    Field("categoryId",       "categoryId",       "categoryId",       "integer"),
    Field("highLevelCategory", "highLevelCategory", "highLevelCategory", "text"),
    # custom, of SMTP sessions; the prefix keeps them apart from the columns of other logs
    Field("smtpDirection",    "smtpDirection",    "smtpDirection",    "text"),
    Field("smtpVerb",         "smtpVerb",         "smtpVerb",         "text"),
    Field("smtpEhlo",         "smtpEhlo",         "smtpEhlo",         "text"),
    Field("smtpGreeting",     "smtpGreeting",     "smtpGreeting",     "text"),
    Field("smtpAuthType",     "smtpAuthType",     "smtpAuthType",     "text"),
    Field("smtpTlsProtocol",  "smtpTlsProtocol",  "smtpTlsProtocol",  "text"),
    Field("smtpTlsCipher",    "smtpTlsCipher",    "smtpTlsCipher",    "text"),
    Field("smtpCertificate",  "smtpCertificate",  "smtpCertificate",  "text"),
    Field("smtpReplyCode",    "smtpReplyCode",    "smtpReplyCode",    "integer"),
    Field("smtpStatus",       "smtpStatus",       "smtpStatus",       "text"),
    Field("smtpInternalId",   "smtpInternalId",   "smtpInternalId",   "text"),
    Field("smtpQueueId",      "smtpQueueId",      "smtpQueueId",      "text"),
    Field("smtpTarpitMs",     "smtpTarpitMs",     "smtpTarpitMs",     "integer"),
    Field("smtpReason",       "smtpReason",       "smtpReason",       "text"),
    Field("messageId",        "messageId",        "messageId",        "text"),
    # custom, of the same name in every log
    Field("deviceHost",       "deviceHost",       "deviceHost",       "text"),
    Field("sessionId",        "sessionId",        "sessionId",        "text"),
    Field("requestId",        "requestId",        "requestId",        "text"),
    Field("networkMessageId", "networkMessageId", "networkMessageId", "text"),
    # custom, of cmdlets and of what was done to a mailbox
    Field("cmdletParameters", "cmdletParameters", "cmdletParameters", "text"),
    Field("cmdletCase",       "cmdletCase",       "cmdletCase",       "text"),
    Field("targetObject",     "targetObject",     "targetObject",     "text"),
    Field("targetMailbox",    "targetMailbox",    "targetMailbox",    "text"),
    Field("impersonatedUser", "impersonatedUser", "impersonatedUser", "text"),
    Field("sessionUser",      "sessionUser",      "sessionUser",      "text"),
    Field("outcome",          "outcome",          "outcome",          "text"),
    Field("reason",           "reason",           "reason",           "text"),
    # custom, of requests
    Field("method",           "method",           "method",           "text"),
    Field("status",           "status",           "status",           "integer"),
    Field("timeTaken",        "timeTaken",        "timeTaken",        "integer"),
    Field("host",             "host",             "host",             "text"),
    Field("userAgent",        "userAgent",        "userAgent",        "text"),
    Field("referrer",         "referrer",         "referrer",         "text"),
    Field("cookies",          "cookies",          "cookies",          "text"),
    Field("forwardedFor",     "forwardedFor",     "forwardedFor",     "text"),
    Field("activeSyncDevice", "activeSyncDevice", "activeSyncDevice", "text"),
    Field("activeSyncType",   "activeSyncType",   "activeSyncType",   "text"),
    Field("activeSyncCommand", "activeSyncCommand", "activeSyncCommand", "text"),
    # custom, of joined columns, on request
    Field("originalFromAddress", "originalFromAddress", "originalFromAddress", "text"),
    Field("scl",              "scl",              "scl",              "integer"),
    Field("bcl",              "bcl",              "bcl",              "integer"),
    Field("compAuth",         "compAuth",         "compAuth",         "text"),
    Field("agentVerdicts",    "agentVerdicts",    "agentVerdicts",    "text"),
    Field("genericInfoErrors", "genericInfoErrors", "genericInfoErrors", "text"),
))
# fmt: on
