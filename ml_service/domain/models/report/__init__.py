"""What a set of models was worth, from what became of the signals it spoke on."""
