"""The composition root: here, and nowhere else, both sides and the things they run on are introduced to each other."""
