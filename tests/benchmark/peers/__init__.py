"""The peers' programs, each as its own documentation would have it; `tests.benchmark.sides` starts and judges them."""
