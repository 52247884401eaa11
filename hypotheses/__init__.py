"""What is claimed: one module per role in the circuit."""
