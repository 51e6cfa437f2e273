"""A real Kafka and a real Redis on this machine, with nothing to install by hand and nothing left behind."""


class ServerError(Exception):
    """A server cannot be had. Its text is one sentence for the person at the terminal, and names the log if any."""


class PortTakenError(ServerError):
    """Another process took the port between its choice and its use: choosing anew may help."""
