"""Events as they come: their facts, what is repaired, and what is not delivered."""
