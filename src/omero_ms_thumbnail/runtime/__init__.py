"""What the service asks of the machine: worker processes and their supervision, systemd, ports, a shared folder."""
