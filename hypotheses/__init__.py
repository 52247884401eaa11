"""The claims that come with recint, with one module for each role in the circuit."""
