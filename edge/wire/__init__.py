"""The wire: results and state to whoever listens, commands from whoever may. PROTOCOL.md says what is on it."""
