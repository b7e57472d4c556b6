"""The parts of `benchmarks.reading`: generated documents with known truth, the judges, the peers, the questions.

`truth` says what a sample must give, one module per format makes samples, `corpus` collects them, `judges` compares
what a reader gave with the truth. Everything is generated from seeds; nothing needs the network but the installation
of the peers.
"""
