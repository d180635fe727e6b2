"""Events as they arrive: their facts, what is repaired, and what is not delivered."""
