"""What every service of exnorm shows whoever runs it: log lines, metrics, health; no host is known here."""
