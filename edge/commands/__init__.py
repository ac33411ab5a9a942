"""Commands of `okng` over files of the station: journal, keys, replay. The program itself is `edge.cli`."""
