"""Host adapter for Logstash."""
