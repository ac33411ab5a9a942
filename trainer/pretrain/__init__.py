"""Start weights: a network that has looked for drawn faults on drawn surfaces before it sees a product."""
