"""The Logstash host: its JSON codec, events in and out."""
