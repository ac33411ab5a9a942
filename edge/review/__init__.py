"""What a journal can teach: operators' decisions as training data, and which inspections would teach most."""
