"""The vocabulary of ArcSight: the fields a producer of CEF may write.

Labels are those of the ArcSight console and of the connector guides; keys, types and lengths are those
of the CEF dictionary; ``ecs`` is the name that Logstash's ``codec => cef`` gives the field in its ECS
modes. Keys that only a consumer may set are left out. Device Custom IPv6 Address 2 is missing from the
CEF dictionary, but the guide's table for 2007 and 2010 writes to it.
"""

from __future__ import annotations

from exnorm.model import Field, Taxonomy

# fmt: off
HEADER = (
    Field("Device Vendor",         "deviceVendor",       "deviceVendor",       "text",      63, 1, "observer.vendor"),
    Field("Device Product",        "deviceProduct",      "deviceProduct",      "text",      63, 2, "observer.product"),
    Field("Device Version",        "deviceVersion",      "deviceVersion",      "text",      31, 3, "observer.version"),
    Field("Device Event Class ID", "deviceEventClassId", "deviceEventClassId", "text",    1023, 4, "event.code"),
    Field("Name",                  "name",               "name",               "text",     512, 5, "cef.name"),
    Field("Severity",              "severity",           "severity",           "integer",    0, 6, "event.severity"),
)

EXTENSION = (
    Field("Application Protocol",          "applicationProtocol",          "app",                          "text",      31, ecs="network.protocol"),
    Field("Base Event Count",              "baseEventCount",               "cnt",                          "integer",    0, ecs="cef.base_event_count"),
    Field("Bytes In",                      "bytesIn",                      "in",                           "integer",    0, ecs="source.bytes"),
    Field("Bytes Out",                     "bytesOut",                     "out",                          "integer",    0, ecs="destination.bytes"),
    Field("Destination Address",           "destinationAddress",           "dst",                          "ipv4",       0, ecs="destination.ip"),
    Field("Destination DNS Domain",        "destinationDnsDomain",         "destinationDnsDomain",         "text",     255, ecs="destination.registered_domain"),
    Field("Destination Host Name",         "destinationHostName",          "dhost",                        "text",    1023, ecs="destination.domain"),
    Field("Destination MAC Address",       "destinationMacAddress",        "dmac",                         "mac",        0, ecs="destination.mac"),
    Field("Destination NT Domain",         "destinationNtDomain",          "dntdom",                       "text",     255, ecs="destination.registered_domain"),
    Field("Destination Port",              "destinationPort",              "dpt",                          "integer",    0, ecs="destination.port"),
    Field("Destination Process ID",        "destinationProcessId",         "dpid",                         "integer",    0, ecs="destination.process.pid"),
    Field("Destination Process Name",      "destinationProcessName",       "dproc",                        "text",    1023, ecs="destination.process.name"),
    Field("Destination Service Name",      "destinationServiceName",       "destinationServiceName",       "text",    1023, ecs="destination.service.name"),
    Field("Destination Translated Address", "destinationTranslatedAddress", "destinationTranslatedAddress", "ipv4",       0, ecs="destination.nat.ip"),
    Field("Destination Translated Port",   "destinationTranslatedPort",    "destinationTranslatedPort",    "integer",    0, ecs="destination.nat.port"),
    Field("Destination User ID",           "destinationUserId",            "duid",                         "text",    1023, ecs="destination.user.id"),
    Field("Destination User Name",         "destinationUserName",          "duser",                        "text",    1023, ecs="destination.user.name"),
    Field("Destination User Privileges",   "destinationUserPrivileges",    "dpriv",                        "text",    1023, ecs="destination.user.group.name"),
    Field("Device Action",                 "deviceAction",                 "act",                          "text",      63, ecs="event.action"),
    Field("Device Address",                "deviceAddress",                "dvc",                          "ipv4",       0, ecs="observer.ip"),
    Field("Device DNS Domain",             "deviceDnsDomain",              "deviceDnsDomain",              "text",     255, ecs="observer.registered_domain"),
    Field("Device Direction",              "deviceDirection",              "deviceDirection",              "integer",    0, ecs="network.direction"),
    Field("Device Event Category",         "deviceEventCategory",          "cat",                          "text",    1023, ecs="cef.category"),
    Field("Device External ID",            "deviceExternalId",             "deviceExternalId",             "text",     255, ecs="observer.name"),
    Field("Device Facility",               "deviceFacility",               "deviceFacility",               "text",    1023, ecs="log.syslog.facility.code"),
    Field("Device Host Name",              "deviceHostName",               "dvchost",                      "text",     100, ecs="observer.hostname"),
    Field("Device Inbound Interface",      "deviceInboundInterface",       "deviceInboundInterface",       "text",     128, ecs="observer.ingress.interface.name"),
    Field("Device MAC Address",            "deviceMacAddress",             "dvcmac",                       "mac",        0, ecs="observer.mac"),
    Field("Device NT Domain",              "deviceNtDomain",               "deviceNtDomain",               "text",     255, ecs="cef.nt_domain"),
    Field("Device Outbound Interface",     "deviceOutboundInterface",      "deviceOutboundInterface",      "text",     128, ecs="observer.egress.interface.name"),
    Field("Device Payload ID",             "devicePayloadId",              "devicePayloadId",              "text",     128, ecs="cef.payload_id"),
    Field("Device Process ID",             "deviceProcessId",              "dvcpid",                       "integer",    0, ecs="process.pid"),
    Field("Device Process Name",           "deviceProcessName",            "deviceProcessName",            "text",    1023, ecs="process.name"),
    Field("Device Receipt Time",           "deviceReceiptTime",            "rt",                           "time",       0, ecs="@timestamp"),
    Field("Device Time Zone",              "deviceTimeZone",               "dtz",                          "text",     255, ecs="event.timezone"),
    Field("Device Translated Address",     "deviceTranslatedAddress",      "deviceTranslatedAddress",      "ipv4",       0, ecs="host.nat.ip"),
    Field("End Time",                      "endTime",                      "end",                          "time",       0, ecs="event.end"),
    Field("Event Outcome",                 "eventOutcome",                 "outcome",                      "text",      63, ecs="event.outcome"),
    Field("External ID",                   "externalId",                   "externalId",                   "text",      40, ecs="cef.external_id"),
    Field("File Create Time",              "fileCreateTime",               "fileCreateTime",               "time",       0, ecs="file.created"),
    Field("File Hash",                     "fileHash",                     "fileHash",                     "text",     255, ecs="file.hash"),
    Field("File ID",                       "fileId",                       "fileId",                       "text",    1023, ecs="file.inode"),
    Field("File Modification Time",        "fileModificationTime",         "fileModificationTime",         "time",       0, ecs="file.mtime"),
    Field("File Name",                     "fileName",                     "fname",                        "text",    1023, ecs="file.name"),
    Field("File Path",                     "filePath",                     "filePath",                     "text",    1023, ecs="file.path"),
    Field("File Permission",               "filePermission",               "filePermission",               "text",    1023, ecs="file.group"),
    Field("File Size",                     "fileSize",                     "fsize",                        "integer",    0, ecs="file.size"),
    Field("File Type",                     "fileType",                     "fileType",                     "text",    1023, ecs="file.extension"),
    Field("Message",                       "message",                      "msg",                          "text",    1023, ecs="message"),
    Field("Old File Create Time",          "oldFileCreateTime",            "oldFileCreateTime",            "time",       0, ecs="cef.old_file.created"),
    Field("Old File Hash",                 "oldFileHash",                  "oldFileHash",                  "text",     255, ecs="cef.old_file.hash"),
    Field("Old File ID",                   "oldFileId",                    "oldFileId",                    "text",    1023, ecs="cef.old_file.inode"),
    Field("Old File Modification Time",    "oldFileModificationTime",      "oldFileModificationTime",      "time",       0, ecs="cef.old_file.mtime"),
    Field("Old File Name",                 "oldFileName",                  "oldFileName",                  "text",    1023, ecs="cef.old_file.name"),
    Field("Old File Path",                 "oldFilePath",                  "oldFilePath",                  "text",    1023, ecs="cef.old_file.path"),
    Field("Old File Permission",           "oldFilePermission",            "oldFilePermission",            "text",    1023, ecs="cef.old_file.group"),
    Field("Old File Size",                 "oldFileSize",                  "oldFileSize",                  "integer",    0, ecs="cef.old_file.size"),
    Field("Old File Type",                 "oldFileType",                  "oldFileType",                  "text",    1023, ecs="cef.old_file.extension"),
    Field("Reason",                        "reason",                       "reason",                       "text",    1023, ecs="event.reason"),
    Field("Request Client Application",    "requestClientApplication",     "requestClientApplication",     "text",    1023, ecs="user_agent.original"),
    Field("Request Context",               "requestContext",               "requestContext",               "text",    2048, ecs="http.request.referrer"),
    Field("Request Cookies",               "requestCookies",               "requestCookies",               "text",    1023, ecs="cef.request.cookies"),
    Field("Request Method",                "requestMethod",                "requestMethod",                "text",    1023, ecs="http.request.method"),
    Field("Request URL",                   "requestUrl",                   "request",                      "text",    1023, ecs="url.original"),
    Field("Source Address",                "sourceAddress",                "src",                          "ipv4",       0, ecs="source.ip"),
    Field("Source DNS Domain",             "sourceDnsDomain",              "sourceDnsDomain",              "text",     255, ecs="source.registered_domain"),
    Field("Source Host Name",              "sourceHostName",               "shost",                        "text",    1023, ecs="source.domain"),
    Field("Source MAC Address",            "sourceMacAddress",             "smac",                         "mac",        0, ecs="source.mac"),
    Field("Source NT Domain",              "sourceNtDomain",               "sntdom",                       "text",     255, ecs="source.registered_domain"),
    Field("Source Port",                   "sourcePort",                   "spt",                          "integer",    0, ecs="source.port"),
    Field("Source Process ID",             "sourceProcessId",              "spid",                         "integer",    0, ecs="source.process.pid"),
    Field("Source Process Name",           "sourceProcessName",            "sproc",                        "text",    1023, ecs="source.process.name"),
    Field("Source Service Name",           "sourceServiceName",            "sourceServiceName",            "text",    1023, ecs="source.service.name"),
    Field("Source Translated Address",     "sourceTranslatedAddress",      "sourceTranslatedAddress",      "ipv4",       0, ecs="source.nat.ip"),
    Field("Source Translated Port",        "sourceTranslatedPort",         "sourceTranslatedPort",         "integer",    0, ecs="source.nat.port"),
    Field("Source User ID",                "sourceUserId",                 "suid",                         "text",    1023, ecs="source.user.id"),
    Field("Source User Name",              "sourceUserName",               "suser",                        "text",    1023, ecs="source.user.name"),
    Field("Source User Privileges",        "sourceUserPrivileges",         "spriv",                        "text",    1023, ecs="source.user.group.name"),
    Field("Start Time",                    "startTime",                    "start",                        "time",       0, ecs="event.start"),
    Field("Transport Protocol",            "transportProtocol",            "proto",                        "text",      31, ecs="network.transport"),
    Field("Type",                          "type",                         "type",                         "integer",    0, ecs="cef.type"),
    # since CEF 1.2
    Field("Agent Translated Zone Key",     "agentTranslatedZoneKey",       "agentTranslatedZoneKey",       "integer",    0),
    Field("Agent Zone Key",                "agentZoneKey",                 "agentZoneKey",                 "integer",    0),
    Field("Customer Key",                  "customerKey",                  "customerKey",                  "integer",    0),
    Field("Destination Translated Zone Key", "destinationTranslatedZoneKey", "dTranslatedZoneKey",         "integer",    0),
    Field("Destination Zone Key",          "destinationZoneKey",           "dZoneKey",                     "integer",    0),
    Field("Device Translated Zone Key",    "deviceTranslatedZoneKey",      "deviceTranslatedZoneKey",      "integer",    0),
    Field("Device Zone Key",               "deviceZoneKey",                "deviceZoneKey",                "integer",    0),
    Field("Source Translated Zone Key",    "sourceTranslatedZoneKey",      "sTranslatedZoneKey",           "integer",    0),
    Field("Source Zone Key",               "sourceZoneKey",                "sZoneKey",                     "integer",    0),
    Field("Reported Duration",             "reportedDuration",             "reportedDuration",             "integer",    0),
    Field("Reported Resource Group Name",  "reportedResourceGroupName",    "reportedResourceGroupName",    "text",     128),
    Field("Reported Resource ID",          "reportedResourceID",           "reportedResourceID",           "text",     256),
    Field("Reported Resource Name",        "reportedResourceName",         "reportedResourceName",         "text",      64),
    Field("Reported Resource Type",        "reportedResourceType",         "reportedResourceType",         "text",      64),
    Field("Framework Name",                "frameworkName",                "frameworkName",                "text",     256),
    Field("Threat Actor",                  "threatActor",                  "threatActor",                  "text",      40),
    Field("Threat Attack ID",              "threatAttackID",               "threatAttackID",               "text",      32),
)

# The six category fields; the console knows them, the dictionary of CEF keys does not list them.
CATEGORIES = (
    Field("Category Object",        "categoryObject",        "categoryObject",        "text", 1023),
    Field("Category Behavior",      "categoryBehavior",      "categoryBehavior",      "text", 1023),
    Field("Category Outcome",       "categoryOutcome",       "categoryOutcome",       "text", 1023),
    Field("Category Significance",  "categorySignificance",  "categorySignificance",  "text", 1023),
    Field("Category Device Group",  "categoryDeviceGroup",   "categoryDeviceGroup",   "text", 1023),
    Field("Category Technique",     "categoryTechnique",     "categoryTechnique",     "text", 1023),
)
# fmt: on


def _numbered(
    label: str,
    name: str,
    key: str,
    type: str,
    numbers: int,
    *,
    max_bytes: int = 0,
    label_bytes: int = 1023,
    ecs: str = "",
) -> tuple[Field, ...]:
    """Return a family of custom fields, each with the field that holds its label."""
    family = []
    for number in range(1, numbers + 1):
        base = f"{ecs}_{number}" if ecs else ""
        value = Field(
            f"{label} {number}", f"{name}{number}", f"{key}{number}", type, max_bytes,
            ecs=base and base + ".value",
        )  # fmt: skip
        family += [
            value,
            Field(
                value.label + " Label", value.name + "Label", value.key + "Label", "text",
                label_bytes, ecs=base and base + ".label",
            ),
        ]  # fmt: skip
    return tuple(family)


# fmt: off
CUSTOM = (
    *_numbered("Device Custom IPv6 Address",   "deviceCustomIPv6Address",   "c6a", "ipv6", 4, ecs="cef.device_custom_ipv6_address"),
    *_numbered("Device Custom Floating Point", "deviceCustomFloatingPoint", "cfp", "double", 4, ecs="cef.device_custom_floating_point"),
    *_numbered("Device Custom Number",         "deviceCustomNumber",        "cn", "long", 3, ecs="cef.device_custom_number"),
    *_numbered("Device Custom String",         "deviceCustomString",        "cs", "text", 6, max_bytes=4000, ecs="cef.device_custom_string"),
    *_numbered("Device Custom Date",           "deviceCustomDate",          "deviceCustomDate", "time", 2),
    *_numbered("Flex Date",                    "flexDate",                  "flexDate", "time", 1, label_bytes=128),
    *_numbered("Flex String",                  "flexString",                "flexString", "text", 2, max_bytes=1023, label_bytes=128),
)
# fmt: on

ARCSIGHT = Taxonomy(
    name="arcsight",
    title="ArcSight",
    fields=HEADER + EXTENSION + CATEGORIES + CUSTOM,
    default_format="cef",
)
