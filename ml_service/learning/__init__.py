"""What only the worker may do: train, score, watch. Nothing on the decision path may import it."""
