"""Many stations on one MQTT broker: what it costs, and how late a result is. docs/fleet.md quotes it."""
