"""What every service has: limits on connections, log lines, metrics, health; it knows no protocol."""
