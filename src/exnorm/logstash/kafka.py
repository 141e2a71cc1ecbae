"""Parts of Logstash pipelines that read from Kafka and write to it, laid out as in docs/kafka.md."""

from __future__ import annotations

from exnorm.errors import SettingsError, quote

BROKERS = "kafka.example.com:9092"
RAW_TOPIC, EVENTS_TOPIC = "exchange.raw", "exchange.events"

# Finds the id that all rows of one message share, in each finished line.
KEYS = {
    "cef": " devicePayloadId=",
    "leef": "\\tcorrelationId=",
    "wincollect": "\\tnetwork-message-id=",
}

_INPUT = """\
input {
  kafka {
    bootstrap_servers => "@BROKERS@"
    topics => ["@TOPIC@"]
    group_id => "exnorm"
    auto_offset_reset => "earliest"  # a new group begins with what is there already
    # With true, the default, offsets go back every five seconds, whatever became of the records; with
    # false, when they are in the queue, which has to be the one on disk (pipelines.yml).
    enable_auto_commit => false
    # One partition is read by one thread, so more threads than partitions wait for nothing.
    consumer_threads => 1
    # Key and headers come under [@metadata], and only with this.
    decorate_events => "extended"
  }
}
"""

_NAME_THE_LOG = """\
filter {
  mutate {
    # The key is server and path: it keeps two logs of one name apart, and is all that exnorm needs.
    copy => { "[@metadata][kafka][key]" => "[log][file][path]" }
    remove_field => [ "[event][original]" ]  # in ECS mode the codec keeps the line a second time
  }
  grok { match => { "[log][file][path]" => "^%{DATA:[host][name]}:" } tag_on_failure => [] }
}
"""

_TO_KAFKA = """\
    kafka {
      bootstrap_servers => "@BROKERS@"
      topic_id => "@TOPIC@"
      codec => plain { format => "%{@FIELD@}" }  # the line alone; the default adds a time and a host
      message_key => "@KEY@"
      # Since version 11.4.0 of the plugin; leave it out before. offset comes from Filebeat only.
      message_headers => { "path" => "%{[log][file][path]}" "offset" => "%{[log][offset]}" }
      acks => "all"
      # A message that is too large is logged and dropped, not tried again: the topic's
      # max.message.bytes must be as large as this.
      max_request_size => 4000000
      compression_type => "lz4"
    }
"""

_FIND_KEY = """\
filter {
  # The rows of one message share an id, and with it a partition; a row without one goes by its own.
  grok { match => { "@FIELD@" => "@MARK@%{NOTSPACE:[@metadata][key]}" } tag_on_failure => [] }
  if ![@metadata][key] { mutate { copy => { "exnorm_id" => "[@metadata][key]" } } }
}
"""

_FINISHED = """\
filter {
  mutate { rename => { "message" => "@FIELD@" } }  # it is finished: nothing of it is to be changed
}
"""


def render_input(brokers: str, topic: str) -> str:
    """Return the input of raw or finished lines from a topic. Raises ``SettingsError``."""
    if not brokers or not all(character.isalnum() or character in ".-:[]_," for character in brokers):
        raise SettingsError(f"brokers: got {quote(brokers)}; expected host:9092, or several with commas")
    text = _INPUT.replace("@BROKERS@", brokers).replace("@TOPIC@", topic)
    return f"{text}\n{_NAME_THE_LOG}" if topic == RAW_TOPIC else text


def render_raw_output(brokers: str) -> str:
    """Return the output that sends each line as it is, keyed by its log."""
    key = "%{[host][name]}:%{[log][file][path]}"
    return f"output {{\n{_render_output(brokers, RAW_TOPIC, 'message', key).replace('    ', '  ')}}}\n"


def render_events_output(brokers: str, field: str) -> str:
    """Return the output that sends finished lines, keyed by the id that a message's rows share."""
    return _render_output(brokers, EVENTS_TOPIC, field, "%{[@metadata][key]}")


def render_key_filter(field: str) -> str:
    """Return the filter that finds the key of finished lines."""
    return _FIND_KEY.replace("@FIELD@", field).replace("@MARK@", KEYS[field])


def render_finished_filter(field: str) -> str:
    """Return the filter that puts a finished line where the outputs look for it."""
    return _FINISHED.replace("@FIELD@", field)


def _render_output(brokers: str, topic: str, field: str, key: str) -> str:
    values = {"@BROKERS@": brokers, "@TOPIC@": topic, "@FIELD@": field, "@KEY@": key}
    text = _TO_KAFKA
    for place, value in values.items():
        text = text.replace(place, value)
    return text
