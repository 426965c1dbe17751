"""What runs in a process of its own: the fake model, the bare server, the demo's approach."""
