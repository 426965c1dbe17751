"""Far sides to talk to: a stand-in for Retell on its socket, and a candidate who answers."""
