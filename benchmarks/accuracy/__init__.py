"""How well okng learns real inspection sets: `python -m benchmarks.accuracy DATA --work FOLDER`."""
