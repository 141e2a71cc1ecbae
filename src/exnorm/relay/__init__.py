"""Shared by every service: limits on connections, log lines, metrics, health; independent of protocols."""
