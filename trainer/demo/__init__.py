"""The whole loop without hardware: parts, training, bundle, daemon, client, page."""
